"""A load of Gy sessions from many SIMs, at a rate, against any OCS (`splitsim load`).

- `run` the load itself: `await run(Load(...))` gives a `Result`; for tests and benchmarks as well.
- `tally` what is counted while it runs: latencies, Result-Codes, the log of answers.
- `command` the command.
"""
