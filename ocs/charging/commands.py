"""What the engine is told and what it says: the rows of the journal are made of these.

Every change of state is one `Command` applied at one instant; `Engine.apply(command, now)` returns one `Outcome`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

import msgspec

from ocs.gy.messages import Asr, Cca, Ccr, Rar
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Provisioning
from ocs.records.edr import Edr, Transfer


class Charge(msgspec.Struct, frozen=True, gc=False):
    """A CCR as received. `retransmitted`: the T bit of its header (RFC 6733 3)."""

    ccr: Ccr
    retransmitted: bool = False


class Provision(msgspec.Struct, frozen=True, gc=False):
    """New accounts, plans, profiles and SIMs. The same `request_id` again changes nothing.

    A plan that is there already may come in a higher version: all its subscribers move to it, as with `ChangePlan`. A
    profile in a higher version is what new SIMs get, and others by `ChangeProfile`.
    """

    provisioning: Provisioning
    request_id: str
    by: str = ""
    """Who wants it; with `reason` it goes into the history of everything that the command changes."""
    reason: str = ""


class TopUp(msgspec.Struct, frozen=True, gc=False):
    """A purchase of one bundle of the plan of the SIM's B2C split. The same `request_id` again changes nothing."""

    imsi: str
    split_id: str
    bundle_id: str
    request_id: str
    by: str = ""
    reason: str = ""


class SetStatus(msgspec.Struct, frozen=True, gc=False):
    """Another place in the life cycle: for the SIM as a whole (`split_id` None), or for one split of it.

    A split, and its virtual SIM, is activated or resumed (active), suspended, or terminated for good. A SIM is put into
    the state named; active brings a suspended one back to where it was, terminated is retired.
    """

    imsi: str
    split_id: str | None
    status: Literal["active", "suspended", "terminated", "in_testing", "billing_ready", "in_billing", "retired"]
    reason: str
    request_id: str
    by: str = ""


class ChangePlan(msgspec.Struct, frozen=True, gc=False):
    """Another price plan for one split of a SIM, or (`split_id` "sim") for the physical SIM itself.

    A prepaid plan rules the next grant; a postpaid one the next billing cycle, or at once where nothing was used yet.
    """

    imsi: str
    split_id: str
    plan_id: str
    request_id: str
    by: str = ""
    reason: str = ""


class ChangeProfile(msgspec.Struct, frozen=True, gc=False):
    """Another profile for a SIM, or the same one with other payers or in a new version; None takes its profile away.

    `payers` and `plans` by split id, as for a new SIM. Splits that keep their payer keep their subscription; a split
    with another payer (the car was sold) ends and begins anew, with another virtual SIM.
    """

    imsi: str
    profile_id: str | None
    payers: dict[str, str]
    plans: dict[str, str]
    request_id: str
    by: str = ""
    reason: str = ""


class MoveSim(msgspec.Struct, frozen=True, gc=False):
    """A SIM goes to another account. Its splits keep their payers; what its owner pays itself begins anew there."""

    imsi: str
    account_id: str
    request_id: str
    by: str = ""
    reason: str = ""


class PushAnswered(msgspec.Struct, frozen=True, gc=False):
    """The RAA or ASA to a push (ASA: `rating_group` None); `result_code` None where none came."""

    session_id: str
    rating_group: int | None
    result_code: int | None


class Expire(msgspec.Struct, frozen=True, gc=False):
    """Time has passed: do what is due. Every other command does so first as well."""


Command = Charge | Provision | TopUp | SetStatus | ChangePlan | ChangeProfile | MoveSim | PushAnswered | Expire


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The answer to an operator's command: `reference` names what was made, `error` says why nothing was."""

    reference: str
    error: str | None = None


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Why one service of a CCR, or the CCR as a whole, got its answer: read by `splitsim explain`."""

    rating_group: int | None
    split_id: str | None
    """None where nobody would pay, and for the CCR as a whole."""
    plan_id: str | None
    bucket_id: str | None
    """The first bucket that a grant draws on."""
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
    changes: list[Change] = []
    """New records in the history of SIMs and subscriptions."""


class Precedence(IntEnum):
    """What a server under too much load refuses first: the highest."""

    ALWAYS = 0
    """CCR-T: it only gives back."""
    OPEN_SESSION = 1
    """A session that is open, or a repeat."""
    ENTERPRISE = 2
    """Would open a session, or be an event, that no consumer can pay."""
    CONSUMER = 3
    """Would open a session, or be an event, that a consumer may pay; or of nobody known."""
