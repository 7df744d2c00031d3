"""What happened, as records that never change: event detail records (EDR) and ledger lines.

- `edr`: the records themselves, `Edr` and `Transfer`. Their fields, in order, are the columns everywhere.
- `columns`: which kind of column a field is, read from the record's own type hints.
- `text`: records as CSV, equal to the byte for equal records.
- `parquet`: records as Parquet for DuckDB and the like (extra `report`).

Both files are read back to equal records; they hold the history of subscriptions (`ocs.inventory.history`) as well. The
tables of `ocs.store` have the same columns; billing works from records and does not care which of the three they came
from.
"""
