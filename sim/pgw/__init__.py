"""The gateway's charging trigger function (CTF, TS 32.251): a credit-control client without I/O, and a real-time skin.

- `session` one Gy session: what to ask and report, and when. No clock, no sockets: instants come in, messages go out.
- `states` RFC 8506's client state machine as a table.
- `quota` one rating group of a session: counts octets, knows when a report is due and why (TS 32.299 6.5).
- `bearer` what the gateway knows of itself and of a PDN connection, as it stands in every CCR.
- `gateway` the asyncio skin: sessions over one Gy connection that may break and come back.
- `drive` cars on that skin that move octets at a rate in real time (`splitsim pgw`).

The SimPy skin is `sim.connection` and `sim.world`. Start with `session`.
"""
