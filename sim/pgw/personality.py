"""Whose habits a gateway has: what all of its Gy sessions have in common, and which kind a new one is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ocs.gy.messages import Asa, Asr, Cca, Ccr, ErrorAnswer, FinalUnitIndication, Raa, Rar
from sim.pgw.bearer import Bearer, Settings
from sim.pgw.losses import RESTART, Doubt
from sim.pgw.open5gs import Open5gsSession
from sim.pgw.session import CtfSession


class GySession(Protocol):
    """The client's side of one Gy session, without I/O or clock; `CtfSession` says what each means."""

    session_id: str

    def attach(self, now: int, rating_groups: Sequence[int]) -> None:
        """The bearer is there."""

    def demand(self, rating_group: int, now: int) -> None:
        """Traffic waits for units."""

    def passable(self, rating_group: int) -> int:
        """Octets that may pass now."""

    def count(self, rating_group: int, up: int, down: int, now: int) -> None:
        """Octets have passed."""

    def change(self, trigger: int, bearer: Bearer, now: int) -> None:
        """A condition of the bearer has changed."""

    def detach(self, now: int) -> None:
        """The bearer is gone."""

    def next_request(self, now: int) -> Ccr | None:
        """What to send now, if anything."""

    def on_answer(self, answer: Cca | ErrorAnswer | None, now: int) -> None:
        """The answer; None: it did not come."""

    def on_push(self, push: Rar | Asr, now: int) -> Raa | Asa:
        """A RAR or ASR, and what is answered."""

    def lose(self, cause: str = RESTART) -> None:
        """The gateway has forgotten it."""

    def move(self) -> None:
        """Another OCS is to go on with it."""

    def next_deadline(self) -> int | None:
        """When `tick` has something to do."""

    def tick(self, now: int) -> None:
        """Time has passed."""

    @property
    def is_open(self) -> bool:
        """It was granted, and is not about to end."""

    @property
    def ended(self) -> bool:
        """It is over."""

    @property
    def uncontrolled(self) -> str | None:
        """Why everything passes without credit control."""

    @property
    def outstanding(self) -> Ccr | None:
        """The request whose answer is waited for."""

    @property
    def repeated(self) -> bool:
        """The request outstanding has been sent before."""

    @property
    def may_move(self) -> bool:
        """Another OCS may be asked."""

    @property
    def watches_changes(self) -> bool:
        """The OCS wants to know of some change of the bearer."""

    @property
    def destination_host(self) -> str | None:
        """The OCS that its requests are meant for, once it is known."""

    def refused(self, rating_group: int) -> int | None:
        """The Result-Code that stands against a rating group."""

    def final_units(self, rating_group: int) -> FinalUnitIndication | None:
        """The final-unit action in force."""

    @property
    def unreported(self) -> dict[tuple[int, str], int]:
        """Octets that were never reported, by (rating group, cause)."""

    @property
    def doubtful(self) -> list[Doubt]:
        """Those of them that the OCS may have got all the same."""

    @property
    def reported(self) -> dict[int, int]:
        """Octets that the OCS has got, by rating group."""


def new_session(settings: Settings, session_id: str, bearer: Bearer) -> GySession:
    """A session of the kind that the gateway has; no other may bear this id (RFC 6733 8.8)."""
    kind = Open5gsSession if settings.personality == "open5gs" else CtfSession
    return kind(settings, session_id, bearer)
