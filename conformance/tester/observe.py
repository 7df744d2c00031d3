"""Observations: what a case accepts, as values that say in words what they want to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from conformance.wire.avp import Tree
from conformance.wire.message import Message


@dataclass(frozen=True)
class NoMessage:
    """Nothing that is a Diameter message came back."""

    how: Literal["closed", "silent", "garbled", "flooded"]
    detail: str = ""

    @property
    def title(self) -> str:
        """In words."""
        words = {
            "closed": "the connection was closed",
            "silent": "no answer",
            "garbled": "octets that are no Diameter message",
            "flooded": "a flood of messages",
        }
        return words[self.how] + (f" ({self.detail})" if self.detail else "")


Reply = Message | NoMessage


@dataclass(frozen=True)
class Observation:
    """Something that may be seen, and what it looks like in words."""

    text: str
    holds: Callable[[Reply], bool]

    def __or__(self, other: Observation) -> Observation:
        return Observation(f"{self.text}, or {other.text}", lambda reply: self.holds(reply) or other.holds(reply))

    def __and__(self, other: Observation) -> Observation:
        return Observation(f"{self.text} and {other.text}", lambda reply: self.holds(reply) and other.holds(reply))


def code(*codes: int) -> Observation:
    """An answer with one of these Result-Codes at command level."""
    words = " or ".join(map(str, codes))
    return Observation(
        f"an answer with Result-Code {words}", lambda r: isinstance(r, Message) and r.result_code in codes
    )


def failure() -> Observation:
    """An answer that refuses: anything but 2xxx."""
    return Observation(
        "an answer that refuses (3xxx, 4xxx or 5xxx)",
        lambda r: isinstance(r, Message) and r.result_code is not None and r.result_code >= 3000,
    )


def service_code(rating_group: int | None, *codes: int) -> Observation:
    """An answer with one of these codes in the MSCC of a rating group (2001: absent will do, RFC 8506 5.1.2)."""

    def holds(reply: Reply) -> bool:
        service = reply.service(rating_group) if isinstance(reply, Message) else None
        return service is not None and (service.result_code or 2001) in codes

    words = " or ".join(map(str, codes))
    return Observation(f"Result-Code {words} in the MSCC of rating group {rating_group}", holds)


def granted(rating_group: int | None) -> Observation:
    """An answer that is a success and grants octets to a rating group."""

    def holds(reply: Reply) -> bool:
        service = reply.service(rating_group) if isinstance(reply, Message) else None
        return (
            isinstance(reply, Message)
            and reply.result_code == 2001
            and service is not None
            and (service.result_code or 2001) == 2001
            and (service.total_octets or 0) > 0
        )

    return Observation(f"2001 with a grant of octets to rating group {rating_group}", holds)


def refused_units(rating_group: int | None, *codes: int) -> Observation:
    """Refused with one of these codes, at command level or in the MSCC, and nothing granted to that rating group."""

    def holds(reply: Reply) -> bool:
        if not isinstance(reply, Message):
            return False
        service = reply.service(rating_group)
        refused = reply.result_code in codes or (service is not None and service.result_code in codes)
        return refused and not (service is not None and service.granted)

    words = " or ".join(map(str, codes))
    return Observation(f"{words} for rating group {rating_group}, at command level or in its MSCC, no grant", holds)


def failed_avp(*names: str) -> Observation:
    """A Failed-AVP that holds one of these AVPs, perhaps inside a group."""

    def holds(reply: Reply) -> bool:
        return isinstance(reply, Message) and any(_inside(item.tree, names) for item in reply.tree.all("Failed-AVP"))

    return Observation(f"Failed-AVP with {' or '.join(names)}", holds)


def error_bit() -> Observation:
    """The E bit."""
    return Observation("the E bit", lambda r: isinstance(r, Message) and r.is_error)


def answered() -> Observation:
    """Any answer."""
    return Observation("an answer", lambda r: isinstance(r, Message))


CLOSED = Observation("the connection closed", lambda r: isinstance(r, NoMessage) and r.how == "closed")
SILENT = Observation("no answer", lambda r: isinstance(r, NoMessage) and r.how == "silent")


def _inside(tree: Tree, names: tuple[str, ...]) -> bool:
    for item in tree:
        if item.name in names:
            return True
        if item.definition is not None and item.definition.format == "group" and _inside(item.tree, names):
            return True
    return False
