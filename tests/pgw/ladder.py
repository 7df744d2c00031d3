"""Ladders as data: what happens at the gateway, and what it then says to the OCS.

A case has steps. A line that begins with a time is something that happens; the lines below it, in order, are all that
goes over Gy because of it, and what then holds:

    10s  pass s1 200 4MB
         s1> U 1 | 200 used 4MB ask reason in-unit QUOTA_EXHAUSTED
         s1< 2001 | 200 2001 4MB 3600s
         =  wifi 4/4/2

What happens: `attach <session> <apn> [<rating group> ...]`, `demand <session> <rating group>`, `pass <session> <rating
group> V` (octets), `detach <session>`, `change <session> <trigger>`, `rar <session> <rating group, or ->`, `asr
<session>`, `silence <session>` (the request outstanding could not be sent), `late <session> <answer>`, `time`; and in a
case with a `world` whatever `tests.charging` knows that does not come from a gateway (`topup wifi 1gb`). Time passes
with each of them, for all sessions.

`s1>` is a request, `s1<` its answer, `s1!` a push and its answer. In a case with a `world` (a provisioning file of
`tests/charging/worlds`) an engine answers; in any other the answers are the case's own, and where none follows a
request it stays without one. What holds: `<session> passable <rg> V`, `<session> refused <rg> <code, or none>`,
`<session> open|ended|uncontrolled|waiting`, `<session> unreported <rg> <cause> V`, `<session> reported <rg> V`,
`<session> next <seconds from the start, or none>`, `<session> redirected <rg> <address, or none>`, `<split>
used/reserved/remaining` in MB.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ocs.charging.commands import Charge, Expire, Outcome, PushAnswered
from ocs.files import read_yaml
from ocs.gy.messages import Asr, Cca, Ccr, CreditControlFailureHandling, Rar
from ocs.units import SECOND
from sim.pgw.session import Bearer, CtfSession, Settings
from tests.charging.player import START, Player, octets, world
from tests.charging.seen import exact
from tests.pgw.words import answer, answer_words, request_words

HERE = Path(__file__).parent


@dataclass
class Step:
    """Something that happens, what goes over Gy because of it, and what then holds."""

    line: str
    seconds: Decimal
    event: list[str]
    ladder: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)


def load(path: Path) -> list[dict[str, Any]]:
    return list(read_yaml(path))


def steps(case: dict[str, Any]) -> list[Step]:
    found: list[Step] = []
    for line in case["steps"].splitlines():
        head, _, tail = line.strip().partition(" ")
        if not head:
            continue
        if head == "=":
            found[-1].holds.append(exact(tail))
        elif head[-1] in "<>!":
            found[-1].ladder.append(f"{head} {_exact(tail)}")
        else:
            found.append(Step(line, Decimal(head.removesuffix("s")), tail.split()))
    return found


class Stage:
    """The sessions of a case, and who answers them."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.engine = Player(world(case["world"], case.get("change"))) if "world" in case else None
        stated = dict(case.get("settings", {}))
        if "failure_handling" in stated:
            stated["failure_handling"] = CreditControlFailureHandling[stated["failure_handling"]]
        self.settings = Settings(
            origin_host="pgw.example", origin_realm="example", destination_realm="example", **stated
        )
        self.sessions: dict[str, CtfSession] = {}
        self.outstanding: dict[str, Ccr] = {}
        self.seen: list[str] = []
        self.requests: list[tuple[str, Ccr]] = []
        self.answers: list[str] = []
        """Of the step under way, those of the case's own that are still to come."""

    def play(self, step: Step) -> None:
        now = START + int(step.seconds * SECOND)
        self.seen, self.answers = [], [line for line in step.ladder if line.split()[0].endswith("<")]
        name = step.event[1] if len(step.event) > 1 else ""
        session = self.sessions.get(name)
        match step.event:
            case ["attach", _, apn, *groups]:
                imsi = "001010000000001"
                bearer = Bearer(imsi=imsi, apn=apn, nsapi=5 + len(self.sessions))
                session = self.sessions[name] = CtfSession(self.settings, name, bearer)
                session.attach(now, [int(group) for group in groups])
            case ["pass", _, group, amount]:
                assert session is not None
                volume = octets(amount)
                session.count(int(group), volume // 4, volume - volume // 4, now)
            case ["demand", _, group]:
                assert session is not None
                session.demand(int(group), now)
            case ["detach", _]:
                assert session is not None
                session.detach(now)
            case ["change", _, trigger]:
                assert session is not None
                moved = Bearer(imsi="001010000000001", apn="wifi", serving_plmn="26201")
                session.change(int(trigger), moved, now)
            case ["rar", _, group]:
                self.push(_rar(name, None if group == "-" else int(group)), now)
            case ["asr", _]:
                self.push(_asr(name), now)
            case ["silence", _]:
                assert session is not None
                self.seen.append(f"{name}< silence")
                self.answers.remove(f"{name}< silence")
                session.on_answer(None, now)
            case ["late", _, *words]:
                assert session is not None
                session.on_answer(answer(" ".join(words), self.outstanding[name]), now)
            case ["time"]:
                if self.engine is not None:
                    self.take(self.engine.engine.apply(Expire(), now), now)
            case _:
                assert self.engine is not None, f"unknown: {step.line}"
                self.take(self.engine.play(" ".join(step.event), now), now)
        for each in self.sessions.values():
            each.tick(now)
        while any(self.talk(name, now) for name in self.sessions):
            pass

    def talk(self, name: str, now: int) -> bool:
        session = self.sessions[name]
        request = session.next_request(now)
        if request is None:
            return False
        self.outstanding[name] = request
        self.requests.append((name, request))
        self.seen.append(f"{name}> {request_words(request, session.repeated)}")
        if self.engine is not None:
            outcome = self.engine.engine.apply(Charge(request, session.repeated), now)
            self.engine.balances.take(outcome.transfers)
            assert isinstance(outcome.answer, Cca)
            self.seen.append(f"{name}< {answer_words(outcome.answer)}")
            session.on_answer(outcome.answer, now)
            self.take(outcome, now)
        else:
            following = next((line for line in self.answers if line.startswith(f"{name}<")), None)
            if following is not None:
                self.answers.remove(following)
                self.seen.append(following)
                session.on_answer(answer(following.partition("< ")[2], request), now)
        return True

    def take(self, outcome: Outcome, now: int) -> None:
        """The pushes of an outcome, as they follow its answer on the wire."""
        assert self.engine is not None
        for push in outcome.pushes:
            code = self.push(push, now)
            group = push.rating_group if isinstance(push, Rar) else None
            told = self.engine.engine.apply(PushAnswered(push.session_id, group, code), now)
            self.engine.balances.take(told.transfers)
            self.take(told, now)

    def push(self, push: Rar | Asr, now: int) -> int:
        reply = self.sessions[push.session_id].on_push(push, now)
        assert reply.session_id == push.session_id
        kind = "asr"
        if isinstance(push, Rar):
            kind = f"rar {'-' if push.rating_group is None else push.rating_group}"
        self.seen.append(f"{push.session_id}! {kind} -> {int(reply.result_code)}")
        return reply.result_code

    def fact(self, words: str) -> str:
        """What the case says, as it is."""
        match words.split():
            case [split, amounts] if "/" in amounts:
                assert self.engine is not None
                parts = self.engine.balances.of(f"{self.engine.imsi}/{split}/1")
                return f"{split} " + "/".join(str(Decimal(part) / 10**6) for part in parts)
            case [name, "passable", group, _]:
                return f"{name} passable {group} {self.sessions[name].passable(int(group))}"
            case [name, "refused", group, _]:
                code = self.sessions[name].refused(int(group))
                return f"{name} refused {group} {'none' if code is None else int(code)}"
            case [name, ("open" | "ended" | "waiting" | "uncontrolled")]:
                return f"{name} {_standing(self.sessions[name])}"
            case [name, "unreported", group, cause, _]:
                return f"{name} unreported {group} {cause} {self.sessions[name].unreported.get((int(group), cause), 0)}"
            case [name, "reported", group, _]:
                return f"{name} reported {group} {self.sessions[name].reported[int(group)]}"
            case [name, "next", _]:
                at = self.sessions[name].next_deadline()
                return f"{name} next {'none' if at is None else Decimal(at - START) / SECOND}"
            case [name, "redirected", group, _]:
                final = self.sessions[name].final_units(int(group))
                server = None if final is None else final.redirect_server
                return f"{name} redirected {group} {'none' if server is None else server.redirect_server_address}"
            case _:
                raise AssertionError(f"unknown: {words}")


def run(case: dict[str, Any]) -> Stage:
    """Play a case; the first step that goes otherwise fails with its line."""
    stage = Stage(case)
    for step in steps(case):
        stage.play(step)
        told = f"{case['case']}\n{step.line}"
        assert stage.seen == step.ladder, f"{told}\nexpected {_list(step.ladder)}\nseen {_list(stage.seen)}"
        for words in step.holds:
            assert stage.fact(words) == words, told
    return stage


def _exact(words: str) -> str:
    """Every volume in octets, service by service."""
    return "; ".join(exact(part) for part in words.split(";"))


def _list(lines: list[str]) -> str:
    return "".join(f"\n    {line}" for line in lines)


def _standing(session: CtfSession) -> str:
    if session.ended:
        return "ended"
    if session.uncontrolled is not None:
        return "uncontrolled"
    return "open" if session.is_open else "waiting"


def _rar(session_id: str, rating_group: int | None) -> Rar:
    return Rar(
        session_id=session_id,
        origin_host="ocs.example",
        origin_realm="example",
        destination_realm="example",
        destination_host="pgw.example",
        rating_group=rating_group,
    )


def _asr(session_id: str) -> Asr:
    return Asr(
        session_id=session_id,
        origin_host="ocs.example",
        origin_realm="example",
        destination_realm="example",
        destination_host="pgw.example",
    )
