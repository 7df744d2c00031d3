"""What charging costs: CPU time per CCR, each figure as a ratio to a named baseline measured in the same run.

- `rows`: one figure, and how figures are shown.
- `loads`: the SIMs and CCRs that every measurement uses.
- `servers`: processes that answer Gy: a served OCS with durable append, and a python-diameter node without any logic.
- `client`: a process that keeps a fixed number of CCRs in flight and tells their latency.
- `gy`: the measurements. `bill`: closing a month; `month`: its records. `cli`: `splitsim bench`.

CPU time is the server process's own (user and system), between two moments at which the client is known to be in the
middle of its load; the client runs in a process of its own and is not counted.
"""
