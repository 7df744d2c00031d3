"""The online charging function (OCF, TS 32.296): Gy credit control as a pure state machine.

`engine.Engine.apply(command, now) -> Outcome` is the only door: no I/O, no clock, no random number. Read in this order:

- `commands`: what goes in and what comes out.
- `engine`: the door; runs what is due, then the command.
- `state`: sessions, services, grants, credits and deadlines - all that the engine remembers.
- `interrogation`: CCR-I, CCR-U and CCR-T (RFC 8506 5.2 to 5.4): who pays, what was used, what is granted.
- `quota`: how much is granted, for how long, and when it is the last (RFC 8506 5.1, 5.6).
- `usage`: settling a report, and the EDR of it.
- `reauthorisation`: RAR and ASR (RFC 8506 5.5), and what follows when they are ignored.
- `operations`: provisioning, top-up, suspension.
- `supervision`: the deadlines: reservation ends, bucket ends, idle sessions, tombstones.
"""
