"""What the engine is told and what it says: the rows of the journal are made of these.

Every change of state is one `Command` applied at one instant; `Engine.apply(command, now)` returns one `Outcome`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ocs.gy.messages import Asr, Cca, Ccr, Rar
from ocs.inventory.provisioning import Provisioning
from ocs.records.edr import Edr, Transfer


class Charge(msgspec.Struct, frozen=True, gc=False):
    """A CCR as received. `retransmitted`: the T bit of its header (RFC 6733 3)."""

    ccr: Ccr
    retransmitted: bool = False


class Provision(msgspec.Struct, frozen=True, gc=False):
    """New accounts, plans, profiles and SIMs. The same `request_id` again changes nothing."""

    provisioning: Provisioning
    request_id: str


class TopUp(msgspec.Struct, frozen=True, gc=False):
    """A purchase of one bundle of the plan of the SIM's B2C split. The same `request_id` again changes nothing."""

    imsi: str
    split_id: str
    bundle_id: str
    request_id: str


class SetStatus(msgspec.Struct, frozen=True, gc=False):
    """Suspend or resume: the SIM as a whole (`split_id` None), or one split of it."""

    imsi: str
    split_id: str | None
    status: Literal["active", "suspended", "terminated"]
    reason: str
    request_id: str


class PushAnswered(msgspec.Struct, frozen=True, gc=False):
    """The RAA or ASA to a push, or None where none came."""

    session_id: str
    rating_group: int | None
    result_code: int | None


class Expire(msgspec.Struct, frozen=True, gc=False):
    """Time has passed: do what is due. Every other command does so first as well."""


Command = Charge | Provision | TopUp | SetStatus | PushAnswered | Expire


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The answer to an operator's command: `reference` names what was made, `error` says why nothing was."""

    reference: str
    error: str | None = None


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Why one service of a CCR got its answer: read by `splitsim explain`."""

    rating_group: int | None
    split_id: str | None
    plan_id: str | None
    bucket_id: str | None
    result_code: int
    rule: str


class Outcome(msgspec.Struct, gc=False):
    """What one command did. Pushes go out after the answer, in order."""

    answer: Cca | Receipt | None
    pushes: list[Rar | Asr]
    edrs: list[Edr]
    transfers: list[Transfer]
    decisions: list[Decision]
    """Filled by an engine that explains itself; empty otherwise."""
    alarms: list[str]
    """What an operator should look at: identities that disagree, a request number used twice."""
