"""Worked cases as data: what a charging engineer writes down, run through the engine's door.

A case names a world (a provisioning file under `worlds/`), changes to it, perhaps changes to come later, and steps. A
step reads

    <time> <event> -> <result> | <what else must be seen> | ...

Events: `<session> [<apn>] I|U|T|E <number> [with <option>=<value> ...] | <service>; <service> ...`, `again` (the last
request repeated, T bit set), `topup <split> <bundle>`, `suspend|resume|terminate <split|sim>`, `plan <split> <plan>`,
`profile <name|none> [<split>=<payer> ...]`, `renew` (plans and profiles as they come `later`), `raa <session> <rg>
<code>`, `asa <session> <code|none>`, `pass` (time passes). Options: `imsi`, `msisdn` (`none` for neither), `context`,
`apn`, `action`, `peer`, `state` (Origin-State-Id), `nsapi`, `charging` (Charging-Id), `plmn`, `rat`, `stamp` (seconds
from the start, or `none`), `t=1` (T bit). APN `sms` and `voice` stand for those service contexts.
A service reads `<rating group> [used V] [up V down V] [time N] [units N] [ask [V]] [asktime N] [askunits N] [askmoney]
[reason R] [because R] [si N] [before V] [after V] [unsure V] [and ...]`; a `-` stands for no rating group, `command`
for units outside of any MSCC, `V/V` for input and output without a total, `because` for a reason beside the used units,
`and` begins another set of used units.
Results: a Result-Code (with `ccfh X` or `none`, `failed <AVP>`, `balance X`, `cost <micros>`, `units V`, `fui X`),
`ok`, `refused`, `none`. What else: services of the answer `<rating group> <code> [si N] [V] [<validity>s]
[final|redirect|restrict] [change <seconds from the start>] [threshold V] [holding Ns] [consumption Ns] [trigger N]`
(all of them, or none are checked; V is octets, `<n>t` seconds or `<n>u` specific units), `<split>[#n]
used/reserved/remaining` in MB (#n: of the split's n-th subscription), `vsim <split> <status>`, `rar <session> <rg>`
and `asr <session>` (all pushes, in order), `edr <rating group> V [late] [unattributed] [time_from_receipt] [overrun
V] [cost <micros>] [cycle <id>] [plan <id>.<version>] [payer <account>] [plmn X] [zone X] [rate <micros of a block>]
[pool <id>] [balance N>N] [parts N+N] [reason X]` (all records, or `edr none`), `why <words of a rule>`, `alarm`.

Balances are read off the ledger lines, not from the engine's memory.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from ocs.files import read_yaml
from ocs.units import SECOND
from tests.charging.player import HERE, START, Player, world
from tests.charging.seen import check

__all__ = ["HERE", "load", "run"]


def load(path: Path) -> list[dict[str, Any]]:
    return list(read_yaml(path))


def run(case: dict[str, Any]) -> None:
    """Play a case; the first step that goes otherwise fails with its line."""
    change = case.get("change", {})
    later = world(case["world"], change | case["later"]) if "later" in case else None
    if later is not None:
        later = later.model_copy(update={"sims": ()})
    player = Player(world(case["world"], change), later)
    for line in case["steps"].splitlines():
        if not line.strip():
            continue
        event, _, expected = line.partition("->")
        time, _, event = event.strip().partition(" ")
        outcome = player.play(event.strip(), START + int(Decimal(time.removesuffix("s")) * SECOND))
        for what, wanted, seen in check(player, outcome, expected):
            assert seen == wanted, f"{case['case']}\n{line}\n{what}: expected {wanted}, seen {seen}"
