"""Messages of some cars through real octets, in a run that passes typed messages: both must say the same."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import TypeVar

from ocs.charging.engine import Engine
from ocs.gy.codec import decode, encode
from ocs.gy.framing import Header, is_protocol_error, request_header
from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, Raa, Rar, SubscriptionIdType
from sim.link import MemoryLink

M = TypeVar("M", bound=Ccr | Cca | Rar | Asr | Raa | Asa)


class OctetsDifferError(RuntimeError):
    """A message that was written and read again says something else."""


class SampledLink(MemoryLink):
    """The engine itself; what is said of the SIMs `sampled` (IMSIs) is written and read again on its way."""

    def __init__(self, engine: Engine, sampled: Container[str], anew: Callable[[], Engine] | None = None) -> None:
        super().__init__(engine, anew)
        self._sampled = sampled
        self._sessions: set[str] = set()

    def exchange(self, request: Ccr, now: int, repeated: bool = False) -> Cca | ErrorAnswer:
        """See `Link`."""
        if not any(
            item.subscription_id_type is SubscriptionIdType.END_USER_IMSI and item.subscription_id_data in self._sampled
            for item in request.subscription_id
        ):
            return super().exchange(request, now, repeated)
        self._sessions.add(request.session_id)
        header = request_header(Ccr, 1, 1, retransmitted=repeated)
        answer = super().exchange(self._through(request, header), now, repeated)
        if not isinstance(answer, Cca) or is_protocol_error(answer.result_code):
            return answer
        return self._through(answer, header.answer())

    def _deliver(self, push: Rar | Asr) -> Raa | Asa:
        if push.session_id not in self._sessions:
            return super()._deliver(push)
        header = request_header(type(push), 1, 1)
        return self._through(super()._deliver(self._through(push, header)), header.answer())

    def _through(self, message: M, header: Header) -> M:
        octets = encode(message, header)
        self.octets += len(octets)
        read = decode(octets)
        if not isinstance(read.message, type(message)) or read.message != message:
            raise OctetsDifferError(f"written {message}, read {read.message or read.failure}")
        return read.message
