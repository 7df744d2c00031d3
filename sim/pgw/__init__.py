"""The gateway's charging trigger function (CTF, TS 32.251): a credit-control client without I/O, and a real-time skin.

- `session` one Gy session: what to ask and report, and when. No clock, no sockets: instants come in, messages go out.
- `states` RFC 8506's client state machine as a table.
- `quota` one rating group of a session: knows when a report is due and why (TS 32.299 6.5); `meter` counts its octets,
  `stopwatch` its seconds.
- `open5gs` a session as a real gateway has it, with its faults; `personality` what both kinds have in common, `losses`
  their books of what they could not report.
- `bearer` what the gateway knows of itself and of a PDN connection; `messages` how that stands in every CCR.
- `gateway` the asyncio skin: sessions over one Gy connection, an `uplink` that may break and comes back.
- `drive` devices on that skin that move octets at a rate, `door` bearers on it that are worked by orders over HTTP;
  `telling` says Gy in words; `command` is `splitsim pgw`.

The SimPy skin is `sim.connection` and `sim.world`. Start with `session`.
"""
