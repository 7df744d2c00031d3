"""Conformance of Gy and of split billing: point it at any OCS, and trust the verdict.

    splitsim conformance doctor --ocs HOST:PORT --imsi 001010000000001 --apn internet --rg 10

Rooms, in the order in which a newcomer should read them:

- `requirements/` what is asked, as data: one row per testable sentence of a standard, with stable ids;
- `wire/` octets: an AVP builder that can also build what is wrong, and a walker that survives anything;
- `tester/` a peer over TCP that sends any octets at any pace, and waits for nothing without a deadline;
- `watch/` rules that look at every message of every run, and at captures;
- `cases/` stimuli, with the observations that each accepts. `bench` and `session` are what a case has in hand;
  `template` makes its CCRs look like a captured gateway's, `gateway_bench` is for cases of a gateway; `golden` is the
  session that must work before and after, `taken` keeps cases apart; `verdicts` and `runner` make a run of all,
  `plugin` tests; `doctor` and `hints` for the first contact, `check` for captures;
- `sut/` what is claimed of a system under test, who its subscribers are, and hooks that work it;
- `report/` what a run leaves behind; `cli` the commands.

Nothing here imports `ocs`, `sim` or `scenarios`: a system under test, ours too, is a process behind an address. The one
exception is `mutants/`, the room of broken systems that show what the suite can find.
"""
