"""How requests are answered: whom they are for, and the two forms of an error (RFC 6733 6.1.4, 7.1, 7.2)."""

from __future__ import annotations

from typing import Final

from ocs.gy.avp import Failure
from ocs.gy.codec import Decoded, encode
from ocs.gy.events import Answer, Request
from ocs.gy.framing import COMMANDS, Header, is_protocol_error
from ocs.gy.messages import APPLICATION_ID, Ccr, ErrorAnswer, FailedAvp, Refusal, ResultCode
from ocs.gy.node import Identity

_CREDIT_CONTROL: Final = 272
_KNOWN: Final = frozenset((command.code, command.application_id) for command in COMMANDS)


def misrouted(request: Request, local: Identity) -> Failure | None:
    """3003 and 3002 where a request is not for local consumption (RFC 6733 6.1.4).

    A Destination-Host that names us is enough; without one the realm has to be ours. Names are compared without case.
    """
    host, realm = request.destination_host, request.destination_realm
    if host is not None and (host == local.host or host.lower() == local.host.lower()):
        return None
    if realm != local.realm and realm.lower() != local.realm.lower():
        return Failure(ResultCode.REALM_NOT_SERVED, b"", "Destination-Realm is not served here")
    if host is not None:
        return Failure(ResultCode.UNABLE_TO_DELIVER, b"", "Destination-Host is not this node")
    return None


def refusal(request: Decoded, failure: Failure, local: Identity) -> Refusal:
    """The answer that says what is wrong; one that bears what a CCA has to bear, if it is to a CCR (RFC 8506 3.2)."""
    return Refusal(
        session_id=request.session_id,
        result_code=failure.result_code,
        origin_host=local.host,
        origin_realm=local.realm,
        auth_application_id=APPLICATION_ID if request.header.application_id == APPLICATION_ID else None,
        cc_request_type=request.cc_request_type,
        cc_request_number=request.cc_request_number,
        error_message=failure.text,
        failed_avp=(FailedAvp(octets=failure.failed_avp),) if failure.failed_avp else (),
    )


def in_form_of_its_command(answer: ErrorAnswer, request: Request) -> Refusal:
    """An error other than 3xxx has the form of its command's answer, without the E bit (RFC 6733 7.1.4, 7.1.5)."""
    ccr = request if isinstance(request, Ccr) else None
    return Refusal(
        session_id=request.session_id,
        result_code=answer.result_code,
        origin_host=answer.origin_host,
        origin_realm=answer.origin_realm,
        auth_application_id=APPLICATION_ID,
        cc_request_type=ccr.cc_request_type if ccr else None,
        cc_request_number=ccr.cc_request_number if ccr else None,
        error_message=answer.error_message,
        failed_avp=answer.failed_avp,
    )


def _lacks_what_its_command_requires(header: Header, answer: Answer | Refusal) -> bool:
    """RFC 6733 7.1.5: where it is not possible to compose the command's answer, or nobody knows that command."""
    if not isinstance(answer, Refusal):
        return False
    if (header.command_code, header.application_id) not in _KNOWN:
        return True
    if header.application_id != APPLICATION_ID:
        return False
    has_type_and_number = answer.cc_request_type is not None and answer.cc_request_number is not None
    return answer.session_id is None or (header.command_code == _CREDIT_CONTROL and not has_type_and_number)


def write_answer(header: Header, proxy_info: tuple[bytes, ...], answer: Answer | Refusal) -> bytes:
    """The octets of the answer to a request with that header.

    3xxx goes out with the E bit and in the form of RFC 6733 7.2, all else without it, unless the request was so bad
    that the form of its command cannot be filled in: readers of answers are strict, and would drop what lacks an AVP.
    Ids, P bit and Proxy-Info are those of the request (RFC 6733 6.2).
    """
    error = is_protocol_error(answer.result_code) or _lacks_what_its_command_requires(header, answer)
    if error and not isinstance(answer, ErrorAnswer):
        answer = ErrorAnswer(
            session_id=answer.session_id,
            result_code=answer.result_code,
            origin_host=answer.origin_host,
            origin_realm=answer.origin_realm,
            error_message=getattr(answer, "error_message", None),
            failed_avp=getattr(answer, "failed_avp", ()),
        )
    return encode(answer, header.answer(error), proxy_info)
