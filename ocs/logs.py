"""What a served OCS tells on standard error: a line for each event, with session and subscriber where there is one.

    2026-11-28T00:40:12.345Z info request refused type=initial number=0 result=4010 session=pgw;1;2 imsi=001010000000002
    {"at":"2026-11-28T00:40:12.345Z","level":"info","event":"request refused","type":"initial",...}

Refusals, pushes, deadlines, commands and peers are told at `info`, what an operator should look at as `warning`, faults
as `error`. A request that is granted is told at `debug` alone: it must cost nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from ocs.charging.commands import Charge, Command, Expire, Outcome, PushAnswered, Receipt
from ocs.charging.state import State
from ocs.deadlines import passed
from ocs.gy.codec import decode
from ocs.gy.events import Event, PeerClosed, PeerOpened, PeerRecovered, PeerSuspected, RequestRefused
from ocs.gy.messages import Cca, Ccr, CcRequestType, Rar, SubscriptionIdType

log: Final = logging.getLogger("splitsim")
_REFUSED: Final = 3000
_REFUSALS_PER_SECOND: Final = 50
"""Lines about them: enough to see what goes wrong, and no burden where a peer sends nothing else."""


def tell(level: int, event: str, **what: object) -> None:
    """One line; of `what`, None is left out."""
    if log.isEnabledFor(level):
        log.log(level, event, extra={"what": {name: value for name, value in what.items() if value is not None}})


class TextLines(logging.Formatter):
    """`INSTANT LEVEL EVENT NAME=VALUE ...`; a value with a space in it stands in quotes."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and behind it the traceback of a fault of ours."""
        what = " ".join(f"{name}={_shown(value)}" for name, value in getattr(record, "what", {}).items())
        line = f"{_instant(record)} {record.levelname.lower()} {record.getMessage()} {what}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """One object a line: `at`, `level`, `event`, and what belongs to the event."""

    def format(self, record: logging.LogRecord) -> str:
        """A line."""
        line = {"at": _instant(record), "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "what", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


def set_up(form: Literal["text", "json"], level: str) -> None:
    """Have this process tell on standard error what is of that level or above."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log.setLevel(level.upper())


def _instant(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return msgspec.json.encode(text).decode() if not text or " " in text or not text.isprintable() else text


class _Valve:
    """Lets so many refusals a second be told; how many were not is told with the next that is."""

    def __init__(self) -> None:
        self._second = 0
        self._told = 0
        self._held = 0

    def lets(self) -> bool:
        """Whether one more may be told."""
        second = int(time.monotonic())
        if second != self._second:
            if self._held:
                tell(logging.WARNING, "refusals not told", number=self._held)
            self._second, self._told, self._held = second, 0, 0
        self._told += 1
        self._held += self._told > _REFUSALS_PER_SECOND
        return self._told <= _REFUSALS_PER_SECOND


class Teller:
    """Tells what becomes durable, and what happens on connections. `state` gives the engine's as it is now."""

    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state
        self._valve = _Valve()

    def on_outcome(self, command: Command, _at: int, outcome: Outcome) -> None:
        """An `on_outcome` of `Service`."""
        if isinstance(command, Charge):
            if isinstance(outcome.answer, Cca):
                self._request(command.ccr, outcome.answer)
        else:
            self._command(command, outcome)
        for transfer in outcome.transfers:
            ended = passed(transfer)
            if ended is not None and (ended.what != "session" or isinstance(command, Expire)):
                event, session_id, imsi = f"{ended.what} ended", ended.session_id, ended.imsi
                tell(logging.INFO, event, amount=transfer.amount, session=session_id, imsi=imsi)
        for push in outcome.pushes:
            kind, rating_group = ("RAR", push.rating_group) if isinstance(push, Rar) else ("ASR", None)
            tell(logging.INFO, "push", message=kind, rating_group=rating_group, **self._of(push.session_id))
        for alarm in outcome.alarms:
            about = command.ccr if isinstance(command, Charge) else None
            tell(logging.WARNING, "alarm", text=alarm, **(self._of(about.session_id, about) if about else {}))

    def observe(self, host: str | None, event: Event) -> None:
        """An `observe` of `GyServer`."""
        peer = host or "unknown"
        match event:
            case PeerOpened():
                tell(logging.INFO, "peer opened", peer=peer)
            case PeerSuspected():
                tell(logging.WARNING, "peer silent", peer=peer)
            case PeerRecovered():
                tell(logging.INFO, "peer speaks again", peer=peer)
            case PeerClosed() if host is not None or self._valve.lets():
                tell(logging.INFO, "peer closed", peer=peer, reason=event.reason)
            case RequestRefused() if self._valve.lets():
                result, text = int(event.failure.result_code), event.failure.text
                about = self._of(decode(event.octets).session_id)
                tell(logging.WARNING, "request refused", peer=peer, result=result, reason=text, **about)

    def refused(self, ccr: Ccr, result: int) -> None:
        """A request that nothing was done about, since nothing could be: an `on_refusal` of `Service`."""
        if not self._valve.lets():
            return
        about = self._of(ccr.session_id, ccr)
        kind = CcRequestType(ccr.cc_request_type).name.lower()
        tell(logging.INFO, "request refused", type=kind, number=ccr.cc_request_number, result=result, **about)

    def _request(self, ccr: Ccr, answer: Cca) -> None:
        result = answer.result_code
        refused = [
            f"{mscc.rating_group}:{int(mscc.result_code)}"
            for mscc in answer.multiple_services_credit_control
            if mscc.result_code is not None and mscc.result_code >= _REFUSED
        ]
        granted = result < _REFUSED and not refused
        level = logging.DEBUG if granted else logging.INFO
        if log.isEnabledFor(level) and (granted or self._valve.lets()):
            tell(
                level,
                "request granted" if granted else "services refused" if result < _REFUSED else "request refused",
                type=CcRequestType(ccr.cc_request_type).name.lower(),
                number=ccr.cc_request_number,
                result=int(result),
                rating_groups=refused or None,
                peer=ccr.origin_host,
                **self._of(ccr.session_id, ccr),
            )

    def _command(self, command: Command, outcome: Outcome) -> None:
        match command:
            case PushAnswered():
                about = self._of(command.session_id)
                tell(
                    logging.INFO,
                    "push answered" if command.result_code is not None else "push not answered",
                    rating_group=command.rating_group,
                    result=command.result_code,
                    **about,
                )
            case Charge() | Expire():
                pass
            case _:
                answer = outcome.answer
                assert isinstance(answer, Receipt)
                tell(
                    logging.INFO if answer.error is None else logging.WARNING,
                    "command done" if answer.error is None else "command refused",
                    kind=type(command).__name__,
                    split=getattr(command, "split_id", None),
                    by=command.by or None,
                    request_id=command.request_id,
                    reference=answer.reference or None,
                    error=answer.error,
                    imsi=getattr(command, "imsi", None),
                )

    def _of(self, session_id: str | None, ccr: Ccr | None = None) -> dict[str, Any]:
        """Whom a session is of."""
        if session_id is None:
            return {}
        session = self._state().sessions.get(session_id)
        if session is not None and session.subscriber is not None:
            return {"session": session_id, "imsi": session.subscriber.imsi}
        said = (
            (i for i in ccr.subscription_id if i.subscription_id_type == SubscriptionIdType.END_USER_IMSI)
            if ccr
            else ()
        )
        return {"session": session_id, "imsi": next((i.subscription_id_data for i in said), None)}
