"""Everything that was ever sold, in every version, and everybody who pays: where billing looks things up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ocs.catalogue.plans import Plan
from ocs.catalogue.profiles import Profile
from ocs.inventory.history import Change
from ocs.inventory.provisioning import Account, Operator, Provisioning


@dataclass(slots=True)
class Register:
    """What provisioning files have said, one after the other."""

    operator: Operator = field(default_factory=Operator)
    accounts: dict[str, Account] = field(default_factory=dict)
    plans: dict[tuple[str, int], Plan] = field(default_factory=dict)
    """By id and version."""
    profiles: dict[tuple[str, int], Profile] = field(default_factory=dict)
    """By id and version."""

    @classmethod
    def of(cls, provisionings: Iterable[Provisioning]) -> Register:
        """All that `provisionings` say; the operator is the one named last."""
        register = cls()
        for number, provisioning in enumerate(provisionings):
            if number == 0 or provisioning.names_operator:
                register.operator = provisioning.operator
            register.accounts.update((account.id, account) for account in provisioning.accounts)
            register.plans.update(((plan.id, plan.version), plan) for plan in provisioning.plans)
            register.profiles.update(((profile.id, profile.version), profile) for profile in provisioning.profiles)
        return register

    def apn_aliases(self) -> set[tuple[str, str]]:
        """Every alias that an APN has had in some profile, with the APN."""
        return {pair for profile in self.profiles.values() for pair in profile.apn_aliases.items()}

    def reseller_of(self, account_id: str) -> Account | None:
        """Who sells to an account; None where the operator does."""
        above = self.accounts.get(self.accounts[account_id].parent or "")
        return above if above is not None and above.kind == "reseller" else None

    def plan(self, change: Change) -> Plan | None:
        """The plan of a subscription, as a record of its history names it; None for a physical SIM."""
        if change.plan_id is None or change.plan_version is None:
            return None
        return self.plans[change.plan_id, change.plan_version]

    def profile(self, change: Change) -> Profile | None:
        """The profile of a subscription, as a record of its history names it; None for the physical SIM itself."""
        if change.profile_id is None or change.profile_version is None:
            return None
        return self.profiles[change.profile_id, change.profile_version]
