"""PEER over TLS: what an SUT that is reached by TLS must not accept (RFC 6733 13). N-A where the PIXIT has no `tls`."""

from __future__ import annotations

from conformance.bench import Bench
from conformance.cases import case
from conformance.sut.ics import Tls
from conformance.tester.observe import NoMessage, Observation, Reply
from conformance.tester.request import cer
from conformance.tester.secure import HandshakeFailed
from conformance.verdicts import not_applicable
from conformance.wire.message import Message

NOT_OPEN = Observation("no CEA with 2001", lambda reply: not (isinstance(reply, Message) and reply.result_code == 2001))


def _tls(bench: Bench) -> Tls:
    if bench.ics.tls is None:
        raise not_applicable("the SUT is not reached by TLS (tls in the PIXIT, or --tls)")
    return bench.ics.tls


@case("RFC6733-13-1")
def plain_octets(bench: Bench) -> None:
    """A CER without TLS, at the address where TLS is spoken."""
    _tls(bench)
    line = bench.raw_line(plain=True)
    bench.expect(line.ask(cer(line.node), bench.ics.timers.quiet_seconds), NOT_OPEN)
    line.close()


@case("RFC6733-13.1-1")
def no_certificate(bench: Bench) -> None:
    """A TLS connection without a certificate of the tester, then a CER."""
    tls = _tls(bench)
    if tls.certificate is None:
        raise not_applicable("the tester has no certificate (tls.certificate): the SUT seems to want none")
    bare = tls.model_copy(update={"certificate": None, "key": None})
    reply: Reply
    try:
        line = bench.raw_line(security=bare.opened())
    except HandshakeFailed as failed:
        reply = NoMessage("closed", str(failed))
    else:
        reply = line.ask(cer(line.node))
    bench.expect(reply, NOT_OPEN)
