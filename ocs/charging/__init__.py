"""The online charging function (OCF, TS 32.296): Gy credit control as a pure state machine.

`engine.Engine.apply(command, now) -> Outcome` is the only door: no I/O, no clock, no random number. Read in this order:

- `commands`: what goes in and what comes out.
- `engine`: the door; runs what is due, then the command.
- `state`: sessions, services, grants, credits and deadlines - all that the engine remembers.
- `identification`: whose request it is. `answers`: whether it was answered before. `standing`: who may not be served.
- `interrogation`: CCR-I, CCR-U and CCR-T (RFC 8506 5.2 to 5.4): who pays, what was used, what is granted.
- `events`: CCR-E (RFC 8506 6). `sessions`: how sessions open and close, and what they leave behind.
- `usage`: settling a report under what its grant was given under. `records`: the EDR of it.
- `quota`: how much is granted, for how long, and when it is the last (RFC 8506 5.1). `final_units`: what comes then.
- `reauthorisation`: RAR and ASR (RFC 8506 5.5), and what follows when they are ignored.
- `operations`: provisioning, top-up, suspension. `changes`: plans, profiles and payers that change under open sessions.
- `supervision`: the deadlines: reservation ends, bucket ends, idle sessions, tombstones.
"""
