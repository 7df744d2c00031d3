"""Rules for answers: result codes, the E bit, whose it is, and what it may hold (RFC 6733 7, RFC 8506 10.1)."""

from __future__ import annotations

from conformance.watch.messages import answer, paired
from conformance.watch.seen import Seen, rule
from conformance.wire.message import CCR

FAILED_AVP_CODES = {5001, 5004, 5005, 5008, 5009, 5014}


def _code(seen: Seen) -> int:
    return seen.message.result_code or 0


@rule("RFC6733-7.1-1", answer)
def protocol_errors(seen: Seen) -> str | None:
    """3xxx and the E bit belong together."""
    code, error = _code(seen), seen.message.is_error
    if 3000 <= code < 4000 and not error:
        return f"{code} without the E bit"
    if error and code < 3000:
        return f"E bit with {code or 'no Result-Code'}"
    return None


@rule("RFC6733-7.1-2", lambda seen: answer(seen) and 4000 <= _code(seen) < 5000)
def transient_failures(seen: Seen) -> str | None:
    """4xxx without the E bit."""
    return f"{_code(seen)} with the E bit" if seen.message.is_error else None


@rule("RFC6733-7.1-3", lambda seen: answer(seen) and _code(seen) >= 5000)
def permanent_failures(seen: Seen) -> str | None:
    """5xxx keeps the CCA grammar, or has the E bit and that of answer-message (RFC 6733 7.1.5)."""
    tree = seen.message.tree
    names = ["Origin-Host", "Origin-Realm"]
    if not seen.message.is_error and seen.message.command == CCR:
        names += ["Auth-Application-Id", "CC-Request-Type", "CC-Request-Number"]
    missing = [name for name in names if tree.first(name) is None]
    request = seen.request.tree if seen.request is not None else None
    if request is not None and request.fault is None:
        missing = [name for name in missing if request.number(name) is not None or not name.startswith("CC-")]
    return f"{_code(seen)} without {', '.join(missing)}" if missing else None


@rule("RFC6733-6.2-7", answer)
def one_result(seen: Seen) -> str | None:
    """One result at command level."""
    tree = seen.message.tree
    results = len(tree.all("Result-Code")) + len(tree.all("Experimental-Result"))
    return f"{results} results at command level" if results != 1 else None


@rule("RFC6733-6.2-8", answer)
def own_identity(seen: Seen) -> str | None:
    """An answer names its own sender."""
    tree, said = seen.message.tree, seen.line_state.origin_hosts
    host = tree.text("Origin-Host")
    if host is None or tree.text("Origin-Realm") is None:
        return "without Origin-Host or Origin-Realm"
    ours = said.get(seen.sender)
    if ours is not None and host.lower() != ours.lower():
        mirrored = host.lower() in {name.lower() for name in said.values()}
        return f"Origin-Host {host}" + (", that of the other side" if mirrored else f", the peer is {ours}")
    return None


@rule("RFC6733-7.1.3-5", lambda seen: paired(seen) and _code(seen) == 3004)
def too_busy(seen: Seen) -> str | None:
    """TOO_BUSY only where this very node was asked."""
    assert seen.request is not None
    return "3004 to a request without Destination-Host" if seen.request.tree.first("Destination-Host") is None else None


@rule("RFC6733-7.5-1", lambda seen: answer(seen) and seen.message.command == CCR and _code(seen) in FAILED_AVP_CODES)
def failed_avp_present(seen: Seen) -> str | None:
    """Errors about AVPs show the AVP."""
    return f"{_code(seen)} without Failed-AVP" if seen.message.tree.first("Failed-AVP") is None else None


def _rating_failed(seen: Seen) -> bool:
    if not seen.is_cca:
        return False
    return _code(seen) == 5031 or any(service.result_code == 5031 for service in seen.message.services)


@rule("RFC8506-9.2-3", _rating_failed)
def rating_failed(seen: Seen) -> str | None:
    """RATING_FAILED shows what could not be rated."""
    return "5031 without Failed-AVP" if not seen.message.tree.all("Failed-AVP") else None


@rule("TS32299-7.1.11-2", lambda seen: seen.is_cca)
def no_experimental_result(seen: Seen) -> str | None:
    """3GPP codes are sent as Result-Code."""
    return "Experimental-Result" if seen.message.tree.first("Experimental-Result") is not None else None


@rule("RFC8506-3.2-1", lambda seen: seen.is_cca and paired(seen))
def echo(seen: Seen) -> str | None:
    """CCA repeats type and number of the CCR."""
    assert seen.request is not None
    for name in ("CC-Request-Type", "CC-Request-Number"):
        asked = seen.request.tree.all(name)
        if len(asked) != 1 or asked[0].number is None or (name == "CC-Request-Type" and not 1 <= asked[0].number <= 4):
            continue
        got = seen.message.tree.number(name)
        if got != asked[0].number:
            return f"{name} {got}, the request has {asked[0].number}"
    return None


@rule("OPEN5GS-2", lambda seen: seen.is_cca and paired(seen))
def readable_by_open5gs(seen: Seen) -> str | None:
    """What Open5GS needs to take an answer."""
    assert seen.request is not None
    names = ["Result-Code", "Origin-Host", "Origin-Realm"]
    if seen.request.tree.number("CC-Request-Number") is not None:
        names.append("CC-Request-Number")
    missing = [name for name in names if seen.message.tree.first(name) is None]
    return f"without {', '.join(missing)}" if missing else None


# RFC 8506 10.1, column CCA; and what RFC 6733 lets any answer hold. None: any number.
CCA_TABLE: dict[str, int | None] = {
    "Session-Id": 1, "Result-Code": 1, "Origin-Host": 1, "Origin-Realm": 1, "Auth-Application-Id": 1,
    "CC-Request-Type": 1, "CC-Request-Number": 1, "User-Name": 1, "CC-Session-Failover": 1, "CC-Sub-Session-Id": 1,
    "Acct-Multi-Session-Id": 1, "Origin-State-Id": 1, "Event-Timestamp": 1, "Granted-Service-Unit": 1,
    "Multiple-Services-Credit-Control": None, "Cost-Information": 1, "Final-Unit-Indication": 1,
    "QoS-Final-Unit-Indication": 1, "Check-Balance-Result": 1, "Credit-Control-Failure-Handling": 1,
    "Direct-Debiting-Failure-Handling": 1, "Validity-Time": 1, "Redirect-Host": None, "Redirect-Host-Usage": 1,
    "Redirect-Max-Cache-Time": 1, "Proxy-Info": None, "Route-Record": None, "Failed-AVP": None, "Error-Message": 1,
    "Error-Reporting-Host": 1,
}  # fmt: skip
_NOT_IN_CCA = {
    "Destination-Host", "Destination-Realm", "Requested-Service-Unit", "Used-Service-Unit", "Subscription-Id",
    "Requested-Action", "Multiple-Services-Indicator", "Service-Context-Id", "Service-Identifier", "Rating-Group",
    "Termination-Cause", "User-Equipment-Info", "CC-Correlation-Id", "Service-Parameter-Info",
}  # fmt: skip


@rule("RFC8506-10.1-1", lambda seen: seen.is_cca)
def answer_table(seen: Seen) -> str | None:
    """Only what the CCA table allows, within its counts."""
    counts: dict[str, int] = {}
    for item in seen.message.tree:
        counts[item.name] = counts.get(item.name, 0) + 1
    for name, count in counts.items():
        most = CCA_TABLE.get(name)
        if most is not None and count > most:
            return f"{name} {count} times"
        if name in _NOT_IN_CCA:
            return f"{name}, which a CCA must not hold"
    return None
