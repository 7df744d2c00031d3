"""The Gy reference point: Diameter credit control between a packet gateway and the OCS, from octets to connections.

- `messages`: what is said, as typed records. `dictionary`: every AVP known here, as data.
- `layout` compiles these two into tables; `codec` runs on them (octets <-> messages, failures as values).
- `avp`: the slow, lossless view of any payload, for Failed-AVP, traces and captures. `framing`: header and stream.
- `transitions`: the peer state machine as a table; `peer`: one connection without I/O; `events`: what it reports;
  `capabilities`: CER and CEA; `node`: identity and timers.
- `server`, `client`: asyncio TCP around `peer`.

Imports nothing of the OCS but `ocs.units`: what a message means for money is decided in `ocs.charging`.
Start with `messages`, then `peer`; to add an AVP, add a field there and, if it is new, its line in `dictionary`.
"""
