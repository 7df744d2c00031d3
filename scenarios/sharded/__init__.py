"""A fleet of any size: cut into shards, each lived through and judged in small worlds, billed as a whole.

Cars do not know each other, so a world of some cars tells what they would do among all others. In the order of reading:

- `work` one shard: world after world, each judged and let go, so that memory is bounded by one world.
- `records` the files of a shard, and their rows; all but EDRs and ledger lines are small.
- `condense` EDRs and ledger lines added up as far as a bill does not depend on their order or place.
- `merge` all shards: documents, reconciliation and verdict, from those sums.
- `run` the whole: shards, workers, what is done already; `outputs` the folder that it leaves.

What comes out is equal to the byte for any number of shards and workers, and to what one world would have given.
"""
