"""The Gy reference point: Diameter credit control between a packet gateway and the OCS, from octets to connections.

- `messages`: what is said, as typed records. `dictionary`: every AVP known here, as data.
- `layout` compiles these two into tables; `codec` runs on them (octets <-> messages, failures as values) by the
  judgements of `grammar`; `plans` and `shapes` read quickly what comes again and again, `writing` writes; both are in C
  where that was built (`fast`).
- `avp`: the slow, lossless view of any payload, for Failed-AVP, traces and captures. `framing`: header and stream.
- `transitions`: the peer state machine as a table; `peer`: one connection without I/O, with its `inbox` and `outbox`;
  `events`: what it reports; `base` and `capabilities`: CER to DPA; `answers`: how requests are refused;
  `node`: identity, timers, limits.
- `link`: asyncio TCP or TLS around a `peer`. `client`: a gateway's side. `server`: the OCS's, with a `connection` for
  each peer, `peers` (who may stay, and the ways to them), `overload`. `tls`: its certificates. `pcap`: for Wireshark.

Imports nothing of the OCS but `ocs.units`: what a message means for money is decided in `ocs.charging`.
Start with `messages`, then `peer`; to add an AVP, add a field there and, if it is new, its line in `dictionary`.
"""
