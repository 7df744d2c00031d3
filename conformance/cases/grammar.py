"""AVP: what is missing, unknown, too much, or of a wrong length (RFC 6733 4, 7.1.5; RFC 8506 3.1, 10.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conformance.bench import Bench
from conformance.cases import Case, add, case
from conformance.session import Session
from conformance.tester.observe import CLOSED, Observation, Reply, answered, code, failed_avp, failure
from conformance.tester.request import INITIAL, Request, mscc, ps_information, subscription_id
from conformance.wire.avp import M_FLAG, P_FLAG, V_FLAG, Avp, avp, raw_avp
from conformance.wire.message import Message

UNKNOWN = 9_999_999
"""A code that no dictionary has."""
NOBODY = 65_500
"""A vendor that is none."""


def initial(bench: Bench) -> tuple[Session, Request]:
    """A CCR-I that is right, to be spoiled."""
    session = bench.session(bench.rich())
    return session, session.request(INITIAL, session.asking())


def ask(session: Session, request: Request) -> Reply:
    """Sends it; should it open a session after all, that is ended when the case ends."""
    return session.send(request)


def failed_octets(reply: Reply) -> list[Avp]:
    """What the Failed-AVPs of an answer hold."""
    if not isinstance(reply, Message):
        return []
    return [inner for failed in reply.tree.all("Failed-AVP") for inner in failed.tree]


MINIMAL = {
    "Session-Id": 0, "Origin-Host": 0, "Origin-Realm": 0, "Destination-Realm": 0, "Auth-Application-Id": 4,
    "Service-Context-Id": 0, "CC-Request-Type": 4, "CC-Request-Number": 4,
}  # fmt: skip
"""AVPs that every CCR holds, and the least octets of their data."""


def _missing(name: str) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        session, request = initial(bench)
        reply = bench.expect(ask(session, request.without(name)), code(5005))
        bench.check(not bench.answer(reply).any_grant, "no grant", reply.title)
        found = [item for item in failed_octets(reply) if item.name == name]
        bench.prefer(bool(found), f"Failed-AVP with an example of {name}", "without it")
        if found:
            zero = set(found[0].data) <= {0} and len(found[0].data) >= MINIMAL[name]
            bench.prefer(
                zero,
                f"{name} filled with zeros, of its least length",
                f"{len(found[0].data)} octets: {found[0].data.hex() or 'none'}",
            )

    return run


for _number, _name in enumerate(MINIMAL, 1):
    _row = f"RFC8506-3.1-{_number}"
    add(Case(_row, (_row,), f"CCR-I without {_name}", _missing(_name)))


def _refused_with(bench: Bench, reply: Reply, octets: bytes, wanted: Observation) -> None:
    bench.expect(reply, wanted)
    back = [item.octets for item in failed_octets(reply)]
    bench.prefer(octets in back, "Failed-AVP with that AVP octet for octet", f"{[one.hex() for one in back]}")


@case("RFC6733-7.1.5-1")
def unknown_mandatory(bench: Bench) -> None:
    """CCR-I with an unknown AVP with the M bit."""
    session, request = initial(bench)
    odd = raw_avp(UNKNOWN, b"what?")
    _refused_with(bench, ask(session, request.adding(odd)), odd, code(5001))


@case("RFC6733-7.1.5-2")
def unknown_vendor_mandatory(bench: Bench) -> None:
    """CCR-I with an unknown AVP of a vendor with the M bit."""
    session, request = initial(bench)
    odd = raw_avp(UNKNOWN, b"what?", flags=V_FLAG | M_FLAG, vendor=NOBODY)
    reply = ask(session, request.adding(odd))
    _refused_with(bench, reply, odd, code(5001))
    vendors = [item.vendor for item in failed_octets(reply)]
    bench.prefer(NOBODY in vendors, f"Vendor-Id {NOBODY} in Failed-AVP", f"{vendors}")


@case("RFC6733-4.1-1")
def unknown_optional(bench: Bench) -> None:
    """CCR-I with unknown AVPs without the M bit: at the top, in MSCC and in PS-Information."""
    session, _ = initial(bench)
    plain = raw_avp(UNKNOWN, b"what?", flags=0)
    vendor = raw_avp(UNKNOWN, b"what?", flags=V_FLAG, vendor=NOBODY)
    service = mscc(session.rating_group, ask=-1, more=[plain, vendor])
    request = session.request(INITIAL, service, more=[plain, vendor], number=0).putting(
        "Service-Information", ps_information(session.service.apn, session.charging_id, [plain, vendor])
    )
    bench.expect(ask(session, request), code(2001))


@case("RFC6733-4.4-1")
def unknown_in_group(bench: Bench) -> None:
    """CCR-I with an unknown AVP with the M bit inside MSCC."""
    session, _ = initial(bench)
    odd = raw_avp(UNKNOWN, b"what?")
    reply = ask(session, session.request(INITIAL, mscc(session.rating_group, ask=-1, more=[odd]), number=0))
    bench.expect(reply, code(5001))
    bench.prefer(
        any(odd in item.octets for item in failed_octets(reply)),
        "Failed-AVP with that AVP, alone or inside its group",
        reply.title,
    )


@case("RFC6733-4.4-2")
def unknown_group(bench: Bench) -> None:
    """An unknown group without the M bit that holds AVPs with it."""
    session, request = initial(bench)
    group = raw_avp(UNKNOWN, raw_avp(UNKNOWN + 1, b"what?"), flags=0)
    bench.note(ask(session, request.adding(group)).title)


@case("RFC6733-7.1.5-5", variant="Session-Id")
def session_id_twice(bench: Bench) -> None:
    """CCR-I with Session-Id twice."""
    session, request = initial(bench)
    again = avp("Session-Id", session.session_id + ";more")
    reply = ask(session, request.adding(again))
    _refused_with(bench, reply, again, code(5009))


@case("RFC6733-7.1.5-5", variant="CC-Request-Number")
def number_twice(bench: Bench) -> None:
    """CCR-I with CC-Request-Number twice."""
    session, request = initial(bench)
    again = avp("CC-Request-Number", 7)
    reply = ask(session, request.adding(again))
    _refused_with(bench, reply, again, code(5009))


def _not_allowed(extra: bytes) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        session, request = initial(bench)
        reply = ask(session, request.adding(extra))
        bench.expect(reply, code(5008), tolerated=code(2001))
        if isinstance(reply, Message) and reply.result_code == 5008:
            bench.prefer(extra in [item.octets for item in failed_octets(reply)], "Failed-AVP with it", reply.title)

    return run


for _name, _extra in (
    ("Result-Code", avp("Result-Code", 2001)),
    ("Granted-Service-Unit", avp("Granted-Service-Unit", [avp("CC-Total-Octets", 1)])),
    ("Validity-Time", avp("Validity-Time", 60)),
):
    add(
        Case(
            f"RFC6733-7.1.5-6/{_name}", ("RFC6733-7.1.5-6",), f"CCR-I with {_name}, which only an answer may hold",
            _not_allowed(_extra),
        )
    )  # fmt: skip


@dataclass(frozen=True)
class _BadLength:
    row: str
    variant: str
    stimulus: str
    spoil: Callable[[Session], Sequence[bytes]]
    accepted: Observation
    tolerated: Observation | None = None


def _inner_past_group(session: Session) -> Sequence[bytes]:
    inner = raw_avp(432, (session.rating_group).to_bytes(4, "big"), length=60)
    return [raw_avp(456, inner)]


BAD_LENGTHS = (
    _BadLength("RFC6733-7.1.5-7", "4", "an AVP whose length is 4, below its header",
               lambda _: [raw_avp(55, bytes(4), length=4)], code(5014) | CLOSED),
    _BadLength("RFC6733-7.1.5-7", "3", "an AVP whose length is 3, below its header",
               lambda _: [raw_avp(55, bytes(4), length=3)], code(5014) | CLOSED),
    _BadLength("RFC6733-7.1.5-7", "0", "an AVP whose length is 0",
               lambda _: [raw_avp(55, bytes(4), length=0)], code(5014) | CLOSED),
    _BadLength("RFC6733-7.1.5-8", "60000", "an AVP whose length runs past the message",
               lambda _: [raw_avp(55, bytes(4), length=60_000)], code(5014), CLOSED),
    _BadLength("RFC6733-7.1.5-10", "", "an AVP of MSCC whose length runs past the group", _inner_past_group,
               code(5014), CLOSED),
)  # fmt: skip


def _bad_length(spec: _BadLength) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        session, _ = initial(bench)
        request = session.request(INITIAL, session.asking(), number=0)
        if spec.row == "RFC6733-7.1.5-10":
            request = session.request(INITIAL, *spec.spoil(session), number=0)
        else:
            request = request.adding(*spec.spoil(session))
        reply = bench.expect(ask(session, request), spec.accepted, tolerated=spec.tolerated)
        if isinstance(reply, Message):
            bench.check(not reply.any_grant, "no grant", reply.title)
            bench.prefer(reply.tree.first("Failed-AVP") is not None, "Failed-AVP", "without it")

    return run


for _spec in BAD_LENGTHS:
    _id = _spec.row + (f"/{_spec.variant}" if _spec.variant else "")
    add(Case(_id, (_spec.row,), f"CCR-I with {_spec.stimulus}", _bad_length(_spec), destructive=True))


def _number_of(octets: int) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        session, request = initial(bench)
        reply = ask(session, request.putting("CC-Request-Number", raw_avp(415, bytes(octets))))
        bench.expect(reply, code(5014), tolerated=code(5004))
        bench.prefer(failed_avp("CC-Request-Number").holds(reply), "Failed-AVP with CC-Request-Number", reply.title)

    return run


for _octets in (3, 8):
    add(
        Case(
            f"RFC6733-7.1.5-9/{_octets}", ("RFC6733-7.1.5-9",), f"CC-Request-Number of {_octets} octets",
            _number_of(_octets), destructive=True,
        )
    )  # fmt: skip


@case("RFC6733-7.1.3-6", variant="vendor-0")
def vendor_zero(bench: Bench) -> None:
    """CCR-I with Event-Timestamp under V bit and Vendor-Id 0."""
    session, request = initial(bench)
    odd = raw_avp(416, (1).to_bytes(4, "big"), flags=V_FLAG | M_FLAG, vendor=0)
    reply = ask(session, request.putting("CC-Request-Type", odd))
    bench.expect(reply, code(3009, 5016, 5001, 5005) | CLOSED)


@case("RFC6733-7.1.3-6", variant="Session-Id")
def vendor_session_id(bench: Bench) -> None:
    """CCR-I whose Session-Id has the V bit and a vendor."""
    session, request = initial(bench)
    odd = raw_avp(263, session.session_id.encode(), flags=V_FLAG | M_FLAG, vendor=NOBODY)
    reply = ask(session, request.putting("Session-Id", odd))
    bench.expect(reply, code(3009, 5016, 5001, 5005))


@case("RFC6733-4.1-2")
def reserved_flags(bench: Bench) -> None:
    """CCR-I whose Event-Timestamp has reserved AVP flags set."""
    session, request = initial(bench)
    reply = ask(session, request.putting("Event-Timestamp", avp("Event-Timestamp", 1_800_000_000, flags=M_FLAG | 0x1F)))
    bench.expect(reply, code(2001), tolerated=failure())


@case("RFC6733-4.1-2", variant="P")
def old_p_flag(bench: Bench) -> None:
    """CCR-I whose Event-Timestamp has the old P flag set."""
    session, request = initial(bench)
    odd = avp("Event-Timestamp", 1_800_000_000, flags=M_FLAG | P_FLAG)
    bench.expect(ask(session, request.putting("Event-Timestamp", odd)), code(2001), tolerated=failure())


@case("RFC6733-4.1-3", variant="padding")
def padded(bench: Bench) -> None:
    """CCR-I with texts of 1, 2 and 3 octets over a multiple of four."""
    session, request = initial(bench)
    extra = [avp("User-Name", "u" * size) for size in (5,)]
    states = [avp("Proxy-Info", [avp("Proxy-Host", "d" * size), avp("Proxy-State", b"s" * size)]) for size in (5, 6, 7)]
    reply = bench.expect(ask(session, request.adding(*extra, *states)), code(2001))
    back = [item.octets for item in bench.answer(reply).tree.all("Proxy-Info")]
    bench.check(back == states, "the padded Proxy-Info unchanged", f"{len(back)} others")


@case("RFC6733-7-1")
def three_errors(bench: Bench) -> None:
    """CCR-I with three errors at once: one unknown AVP, one AVP twice, one value out of range."""
    session, request = initial(bench)
    reply = ask(
        session,
        request.setting("CC-Request-Type", 9).adding(raw_avp(UNKNOWN, b"x"), avp("CC-Request-Number", 1)),
    )
    bench.expect(reply, code(5001, 5004, 5009))
    bench.check(len(bench.answer(reply).tree.all("Result-Code")) == 1, "one Result-Code", reply.title)


@case("RFC8506-5.2-7")
def no_subscription_id(bench: Bench) -> None:
    """CCR-I without Subscription-Id."""
    session, request = initial(bench)
    reply = bench.expect(ask(session, request.without("Subscription-Id")), code(5005, 5030, 5031))
    bench.check(not bench.answer(reply).any_grant, "no grant: there is no default account", reply.title)


@case("RFC8506-8.47-1")
def more_identities(bench: Bench) -> None:
    """CCR-I with more Subscription-Ids: NAI, SIP-URI, private."""
    session, request = initial(bench)
    more = [
        subscription_id(3, "user@realm.example"),
        subscription_id(2, "sip:user@realm.example"),
        subscription_id(4, "somebody"),
    ]
    bench.expect(ask(session, request.adding(*more)), code(2001))


@case("RFC8506-8.58-1")
def subscription_extension(bench: Bench) -> None:
    """CCR-I with Subscription-Id-Extension."""
    session, request = initial(bench)
    extension = avp("Subscription-Id-Extension", [avp("Subscription-Id-IMSI", session.subscriber.imsi)])
    bench.expect(ask(session, request.adding(extension)), code(2001))


@case("RFC7683-1")
def overload_features(bench: Bench) -> None:
    """CCR-I with OC-Supported-Features, DRMP and Load."""
    session, request = initial(bench)
    extra = [
        avp("OC-Supported-Features", [avp("OC-Feature-Vector", 1)]),
        avp("DRMP", 3),
        avp("Load", [avp("Load-Type", 1), avp("Load-Value", 5), avp("SourceID", "pgw.example")]),
    ]
    bench.expect(ask(session, request.adding(*extra)), code(2001))
    bench.check(answered().holds(ask(session, session.request(2, session.asking(used=0)))), "an answer", "none")
