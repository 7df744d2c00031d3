"""The online charging system: who pays for which octets of a SIM, answered over Gy, kept, and billed.

- `catalogue` what is sold; `inventory` SIMs, their splits and payers; `balances`, `rating`: credit and prices.
- `charging` the engine: a pure state machine, `apply(command, now) -> outcome`, without I/O or clock.
- `gy` Diameter, from octets to connections. `store` the journal of every command, and the tables behind it.
- `service` joins the three: take requests, apply, append and fsync, answer. `serving` is `splitsim serve` around it;
  `control` the socket by which an operator gives it commands, `commands` what he types; `resting` takes orders to a
  store that nobody serves; `changeset` says what a provisioning file would change.
- `logs`, `metrics` what a served OCS tells (`deadlines`: of time that ran out); `web` the process that answers HTTP.
- `overview`, `explain` read an engine: what is left, and why a session got its answers.
- `records` what charging writes down (EDRs, ledger lines); `billing` makes invoices, statements and reconciliation of
  them. `bench` what a request, a bill, a takeover cost.
- `files` YAML into models, every mistake with its line (`plain_yaml` reads it fast); `address`, `units` for all rooms.

Read `charging/__init__.py` first, then `service`. Go next to `sim/__init__.py` for the network that asks.
"""
