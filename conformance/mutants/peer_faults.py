"""Mutants of the connection: capabilities, who may be connected twice, what comes too early, what cannot be framed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from conformance.mutants.front import install, replaced, without
from conformance.mutants.mutant import Mutant, fault_of
from conformance.mutants.wire_faults import WIRE, on_answers, on_requests
from conformance.wire.avp import Avp, avp
from conformance.wire.message import CER, DPR, DWR, HEADER, P_FLAG, Message, build
from ocs.gy.link import Link
from ocs.gy.peer import Peer
from ocs.gy.peers import PeerTable
from ocs.gy.transitions import TRANSITIONS, Input, State

if TYPE_CHECKING:
    from ocs.gy.codec import Decoded
    from ocs.gy.connection import Connection

_OURS = ("Auth-Application-Id", 4)


def _patched(install_it: Callable[[], None]) -> Callable[[], None]:
    """Registers a mutant that changes the peer's classes or its table; its docstring is its fault."""
    WIRE.append(Mutant(install_it.__name__.lstrip("_"), fault_of(install_it), install_it))
    return install_it


# --- capabilities -----------------------------------------------------------------------------------------------------


@on_requests
def capabilities_made_up(request: Message) -> list[bytes]:
    """What a CER lacks is made up: address, vendor, product."""
    if request.command != CER:
        return [request.octets]
    guesses: dict[str, int | str] = {
        "Host-IP-Address": "127.0.0.1",
        "Vendor-Id": 0,
        "Product-Name": "?",
        "Origin-Realm": "example",
    }
    more = [avp(name, value) for name, value in guesses.items() if request.tree.first(name) is None]
    return [build(CER, request.octets[HEADER:] + b"".join(more), flags=request.flags, application=0,
                  hop_by_hop=request.hop_by_hop, end_to_end=request.end_to_end)]  # fmt: skip


@on_requests
def application_groups_believed(request: Message) -> list[bytes]:
    """Any Vendor-Specific-Application-Id is taken for application 4, whatever it holds."""
    if request.command != CER:
        return [request.octets]
    good = avp("Vendor-Specific-Application-Id", [avp("Vendor-Id", 10415), avp(*_OURS)])
    return [replaced(request, lambda item: good if item.name == "Vendor-Specific-Application-Id" else None)]


@on_requests
def vendor_of_application_matters(request: Message) -> list[bytes]:
    """A Vendor-Specific-Application-Id counts only with the vendor 10415."""

    def ours(item: Avp) -> bytes | None:
        other = item.name == "Vendor-Specific-Application-Id" and item.tree.number("Vendor-Id") != 10415
        return b"" if other else None

    return [replaced(request, ours) if request.command == CER else request.octets]


@on_requests
def inband_security_ignored(request: Message) -> list[bytes]:
    """Inband-Security-Id is not looked at."""
    return [without(request, "Inband-Security-Id") if request.command == CER else request.octets]


@on_answers
def applications_untold(answer: Message, _: Message | None) -> list[bytes]:
    """CEA names no application."""
    return [without(answer, "Auth-Application-Id") if answer.command == CER else answer.octets]


@on_answers
def base_answers_proxiable(answer: Message, _: Message | None) -> list[bytes]:
    """CEA, DWA and DPA bear the P bit, as all messages do."""
    if answer.command not in (CER, DWR, DPR):
        return [answer.octets]
    return [
        build(answer.command, answer.octets[HEADER:], flags=answer.flags | P_FLAG, application=0,
              hop_by_hop=answer.hop_by_hop, end_to_end=answer.end_to_end)
    ]  # fmt: skip


@_patched
def _refused_peers_kept() -> None:
    """After a CEA that refuses, the connection waits for another CER, as long as it takes."""

    def turn_away(peer: Peer, decoded: Decoded | None, octets: bytes) -> None:
        if peer._offer is not None and peer._rejection is not None:
            peer._refuse_capabilities(*peer._offer, peer._rejection)
        peer.state, peer._deadline = State.WAIT_CER, None

    setattr(Peer, "_turn_away", turn_away)  # noqa: B010 - a fault is put into the class on purpose


# --- connections ------------------------------------------------------------------------------------------------------


@_patched
def _early_requests_dropped() -> None:
    """What comes before a CER is dropped, and the connection kept."""
    TRANSITIONS[State.WAIT_CER, Input.REQUEST] = ("discard", State.WAIT_CER)


@_patched
def _two_connections_of_one_host() -> None:
    """A host may be connected twice."""

    def offered(table: PeerTable, host: str, connection: Connection) -> None:
        connection.name = host.lower()
        table._incumbents.setdefault(connection.name, connection)
        connection.link.admit()

    setattr(PeerTable, "offered", offered)  # noqa: B010


@_patched
def _newest_connection_wins() -> None:
    """A new connection of a host replaces the old one, which nobody asks whether it lives."""
    sound = PeerTable.offered

    def offered(table: PeerTable, host: str, connection: Connection) -> None:
        old = table._incumbents.get(host.lower())
        if old is not None:
            old.link.abort()
            table._incumbents.pop(host.lower(), None)
        sound(table, host, connection)

    setattr(PeerTable, "offered", offered)  # noqa: B010


@_patched
def _unknown_answers_close() -> None:
    """An answer that nobody waits for ends the connection."""
    sound = Peer._take_answer

    def take_answer(peer: Peer, decoded: Decoded, octets: bytes) -> None:
        before = len(peer._events)
        sound(peer, decoded, octets)
        if len(peer._events) == before:
            peer._close("an answer with an unknown Hop-by-Hop id")

    setattr(Peer, "_take_answer", take_answer)  # noqa: B010


@_patched
def _answers_answered() -> None:
    """An answer that nobody waits for is answered with 5012."""
    sound = Peer._take_answer

    def take_answer(peer: Peer, decoded: Decoded, octets: bytes) -> None:
        before = len(peer._events)
        sound(peer, decoded, octets)
        if len(peer._events) == before:
            message = Message(octets)
            own = [avp("Result-Code", 5012), avp("Origin-Host", peer.local.host), avp("Origin-Realm", peer.local.realm)]
            peer._outbox.put(
                build(message.command, b"".join(own), flags=0, hop_by_hop=message.hop_by_hop,
                      end_to_end=message.end_to_end)
            )  # fmt: skip

    setattr(Peer, "_take_answer", take_answer)  # noqa: B010


def _sessions_end_with_their_connection() -> None:
    """When a gateway disconnects in order, its sessions are thrown away."""
    opened: dict[str, set[str]] = {}
    gone: set[str] = set()

    def requests(request: Message) -> list[bytes]:
        host, session = request.tree.text("Origin-Host") or "", request.session_id
        if request.command == DPR:
            gone.update(opened.pop(host, ()))
        elif session is not None and session in gone:
            other = avp("Session-Id", f"{session};gone")
            return [replaced(request, lambda item: other if item.name == "Session-Id" else None)]
        elif session is not None:
            opened.setdefault(host, set()).add(session)
        return [request.octets]

    def answers(answer: Message, _: Message | None) -> list[bytes]:
        session = answer.session_id
        if session is None or not session.endswith(";gone"):
            return [answer.octets]
        own = avp("Session-Id", session.removesuffix(";gone"))
        return [replaced(answer, lambda item: own if item.name == "Session-Id" else None)]

    install(requests=requests, answers=answers)


_patched(_sessions_end_with_their_connection)


# --- time -------------------------------------------------------------------------------------------------------------


@_patched
def _silent_connections_kept() -> None:
    """A connection on which no CER comes is kept."""
    TRANSITIONS[State.WAIT_CER, Input.TIMEOUT] = ("await_cer", State.WAIT_CER)


@_patched
def _no_watchdog() -> None:
    """Silence is no reason for a watchdog."""

    def watch(peer: Peer, decoded: Decoded | None, octets: bytes) -> None:
        peer._deadline = peer._now + peer._watchdog

    setattr(Peer, "_watch", watch)  # noqa: B010


@_patched
def _watchdog_without_end() -> None:
    """A watchdog that is not answered is sent again, as long as it takes."""

    def watch(peer: Peer, decoded: Decoded | None, octets: bytes) -> None:
        peer._ask_for_life()
        peer._deadline = peer._now + peer._watchdog

    setattr(Peer, "_watch", watch)  # noqa: B010


@_patched
def _watchdog_by_the_clock() -> None:
    """A watchdog is sent every Tw, whatever else comes."""
    sound = Peer._alive

    def alive(peer: Peer) -> None:
        before = peer._deadline if peer.state is State.OPEN and peer.host in known else None
        known.add(peer.host)
        sound(peer)
        if before is not None:
            peer._deadline = before

    known: set[str | None] = set()
    setattr(Peer, "_alive", alive)  # noqa: B010


# --- framing ----------------------------------------------------------------------------------------------------------


def _receiving(name: str, fault: str, change: Callable[[bytes], bytes]) -> None:
    """A mutant that reads other octets from the network than those that came."""

    def install_it() -> None:
        receive = Link.data_received
        setattr(Link, "data_received", lambda link, data: receive(link, change(data)))  # noqa: B010

    WIRE.append(Mutant(name, fault, install_it))


def _length(data: bytes) -> int:
    return int.from_bytes(data[1:4], "big") if len(data) >= 4 else HEADER


_receiving(
    "garbage_skipped",
    "Octets that begin no message are skipped",
    lambda data: b"" if data[:1] not in (b"\x01", b"") else data,
)
_receiving(
    "impossible_lengths_skipped",
    "A message whose length cannot be is skipped, with all that came with it",
    lambda data: b"" if data[:1] == b"\x01" and (_length(data) < HEADER or _length(data) % 4) else data,
)
_receiving(
    "first_of_a_segment",
    "Of several messages in a segment the first is read",
    lambda data: data[: _length(data)] if data[:1] == b"\x01" and HEADER <= _length(data) < len(data) else data,
)
