"""A Gy session as a case drives it: it numbers its requests, and knows whether it is open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from conformance.sut.ics import Service, Subscriber
from conformance.tester.line import Line
from conformance.tester.observe import Reply
from conformance.tester.request import (
    ASK,
    EVENT,
    INITIAL,
    TERMINATION,
    UPDATE,
    Request,
    ccr,
    mscc,
    ps_information,
    subscription_id,
)
from conformance.wire.avp import avp
from conformance.wire.message import Message

if TYPE_CHECKING:
    from conformance.bench import Bench


class Session:
    """A Gy session: numbers its requests, and knows whether it is open."""

    def __init__(self, bench: Bench, subscriber: Subscriber, service: Service, line: Line) -> None:
        self.bench = bench
        self.subscriber = subscriber
        self.service = service
        self.line = line
        self.charging_id = bench.run.serial()
        self.session_id = f"{line.node.host};{int(time.time())};{bench.run.token};{self.charging_id}"
        self.number = 0
        self.is_open = False
        self.context = subscriber.context or bench.ics.tester.service_context

    @property
    def rating_group(self) -> int:
        """The first rating group of the service."""
        return self.service.rating_groups[0]

    def subscription(self) -> list[bytes]:
        """Subscription-Id AVPs: IMSI, and E.164 if it is known."""
        identities = [subscription_id(1, self.subscriber.imsi)]
        if self.subscriber.msisdn is not None:
            identities.append(subscription_id(0, self.subscriber.msisdn))
        return identities

    def request(
        self, kind: int, *services: bytes, more: Sequence[bytes] = (), number: int | None = None, apn: str | None = None
    ) -> Request:
        """A CCR of this session, numbered on; it is not sent. It looks like those of the template, if there is one."""
        if number is None:
            number, self.number = self.number, self.number + 1
        tester = self.bench.ics.tester
        request = ccr(
            self.line.node,
            session_id=self.session_id,
            destination_realm=self.bench.run.realm or "realm.example",
            destination_host=self.bench.run.sut_host if tester.name_destination_host else None,
            context=self.context,
            kind=kind,
            number=number,
            when=int(time.time()),
            subscription=self.subscription(),
            services=services,
            information=ps_information(apn or self.service.apn, self.charging_id),
        )
        if self.bench.run.template is not None and self.context == tester.service_context:
            return self.bench.run.template.shaped(request, kind, more)
        return request.adding(*more)

    def send(self, request: Request, within: float | None = None) -> Reply:
        """Sends a CCR of this session and waits for its answer."""
        if within is None:
            self.bench.go_on()
        reply = self.line.ask(request, within)
        self.saw(request, reply)
        return reply

    def saw(self, request: Request, reply: Reply) -> None:
        """Notes whether the session is open after an exchange."""
        if not isinstance(reply, Message):
            return
        kind = reply.tree.number("CC-Request-Type")
        if kind == INITIAL:
            self.is_open = reply.result_code == 2001
        elif kind == TERMINATION or (kind == UPDATE and reply.result_code in (4010, 4012, 5002, 5030)):
            self.is_open = False

    def asking(self, rating_group: int | None = None, ask: int | None = None, used: int | None = None) -> bytes:
        """An MSCC that asks for a quota as the PIXIT says, for the first rating group if none is given."""
        if ask is None:
            ask = self.bench.ics.tester.ask_octets
        group = self.rating_group if rating_group is None else rating_group
        return mscc(group, ask=ASK if ask is None else ask, used=used)

    def initial(self, *services: bytes, ask: int | None = None, more: Sequence[bytes] = ()) -> Reply:
        """CCR-I; without services it asks for the first rating group."""
        return self.send(self.request(INITIAL, *(services or (self.asking(ask=ask),)), more=more))

    def update(self, *services: bytes, used: int | None = None, more: Sequence[bytes] = ()) -> Reply:
        """CCR-U; without services it reports `used` for the first rating group and asks for more."""
        return self.send(self.request(UPDATE, *(services or (self.asking(used=used),)), more=more))

    def terminate(self, *services: bytes, used: int = 0, within: float | None = None) -> Reply:
        """CCR-T; without services it reports `used` for the first rating group."""
        final = services or (mscc(self.rating_group, used=used, reason=2),)
        return self.send(self.request(TERMINATION, *final), within)

    def event(self, *services: bytes, action: int | None = 0, more: Sequence[bytes] = ()) -> Reply:
        """CCR-E with a Requested-Action."""
        extra = [] if action is None else [avp("Requested-Action", action)]
        return self.send(self.request(EVENT, *services, more=[*extra, *more]))

    def use_up(self, limit: int) -> tuple[int, Reply]:
        """Uses grant after grant until nothing is granted: octets used, and the refusing answer.

        It stops, too, once more than `limit` octets have been granted.
        """
        reply = self.update() if self.is_open else self.initial()
        used = 0
        while isinstance(reply, Message) and (octets := reply.granted_octets) and used + octets <= limit:
            used += octets
            reply = self.update(used=octets)
        if isinstance(reply, Message) and reply.granted_octets:
            used += reply.granted_octets
        return used, reply
