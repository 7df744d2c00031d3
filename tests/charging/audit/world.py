"""The world that the auditor and the engine both live in: said once in plain words, provisioned once for the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ocs.inventory.provisioning import Provisioning

MB = 10**6
DAY = 86_400


@dataclass(frozen=True)
class Plan:
    id: str
    slice: int
    validity: int = 3600
    grace: int = 60
    least_slice: int = 100_000
    prepaid: bool = False
    queue: bool = True
    final_unit: str | None = None
    end_session: bool = True
    free_quota: tuple[int, int] | None = None
    """Octets and seconds."""
    bundles: dict[str, tuple[int, int]] = field(default_factory=dict)
    limit: int | None = None


@dataclass(frozen=True)
class Split:
    id: str
    apn: str
    rating_groups: tuple[int, ...]
    payer: str | None
    """None: the driver of the SIM."""
    plan: str


@dataclass(frozen=True)
class Peer:
    host: str
    rar: bool = True
    asr: bool = False
    graceful: bool = True


BUNDLES = {"day": (5 * MB, DAY), "month": (20 * MB, 28 * DAY)}
PLANS = {
    plan.id: plan
    for plan in (
        Plan("fleet", slice=10 * MB),
        Plan("metered", slice=10 * MB, limit=12 * MB),
        Plan("hot", slice=4 * MB, prepaid=True, free_quota=(10 * MB, 28 * DAY), bundles=BUNDLES),
        Plan(
            "block", slice=2 * MB, prepaid=True, queue=False, end_session=False, final_unit="terminate",
            free_quota=(3 * MB, 2 * DAY), bundles=BUNDLES, validity=600,
        ),
        Plan(
            "portal", slice=3 * MB, prepaid=True, end_session=False, final_unit="redirect", validity=1800,
            free_quota=(6 * MB, 7 * DAY), bundles=BUNDLES,
        ),
    )
}  # fmt: skip
SPLITS = {
    split.id: split
    for split in (
        Split("fleet", "fleet", (), "acme", "fleet"),
        Split("cabin", "car", (100,), "acme", "fleet"),
        Split("risk", "car", (300,), "insurer", "metered"),
        Split("wifi", "car", (200, 201), None, "block"),
        Split("web", "web", (), None, "hot"),
        Split("tv", "tv", (7, 8), None, "portal"),
    )
}
IMSIS = ("001010000000001", "001010000000002")
PEERS = {
    peer.host: peer
    for peer in (Peer("pgw1"), Peer("pgw2", rar=False), Peer("pgw3", asr=True), Peer("pgw4", graceful=False))
}


def provisioning() -> Provisioning:
    """The same for the engine."""
    drivers = [f"driver{number}" for number in range(2 * len(IMSIS))]
    tree: dict[str, Any] = {
        "operator": {"time_zone": "UTC"},
        "accounts": [{"id": name, "kind": "company"} for name in ("acme", "insurer")]
        + [{"id": name, "kind": "customer"} for name in drivers],
        "plans": [_plan(plan) for plan in PLANS.values()],
        "profiles": [{"id": "car", "splits": [_split(split) for split in SPLITS.values()]}],
        "sims": [
            {
                "imsi": imsi,
                "iccid": ("8999990100000000013", "8943010000000000019")[number],
                "account": "acme",
                "profile": "car",
                "payers": {split.id: f"driver{number}" for split in SPLITS.values() if split.payer is None},
            }
            for number, imsi in enumerate(IMSIS)
        ],
        "peers": [
            {"origin_host": p.host, "reauthorisation": p.rar, "abort": p.asr, "graceful_final_units": p.graceful}
            for p in PEERS.values()
        ],
    }
    return Provisioning.model_validate(tree)


def _plan(plan: Plan) -> dict[str, Any]:
    quota = {
        "slice": plan.slice, "validity": plan.validity, "grace": plan.grace, "least_slice": plan.least_slice,
    }  # fmt: skip
    if not plan.prepaid:
        return {
            "id": plan.id, "kind": "postpaid_individual", "included": 50 * MB, "recurring": 1,
            "overage": {"price": "0.02"}, "quota": quota, "limit": plan.limit,
        }  # fmt: skip
    return {
        "id": plan.id,
        "kind": "prepaid_individual",
        "free_quota": plan.free_quota and {"id": "trial", "volume": plan.free_quota[0], "valid": plan.free_quota[1]},
        "bundles": [{"id": name, "volume": bundle[0], "valid": bundle[1]} for name, bundle in plan.bundles.items()],
        "top_up_mode": "queue" if plan.queue else "parallel",
        "end_signal": "final_unit" if plan.final_unit else "result_code",
        "final_unit_action": plan.final_unit or "terminate",
        "redirect_to": "http://topup.example/" if plan.final_unit == "redirect" else None,
        "on_exhaustion": "end_session" if plan.end_session else "block_rg",
        "quota": quota,
    }


def _split(split: Split) -> dict[str, Any]:
    return {
        "id": split.id,
        "party": "b2b" if split.payer else "b2c",
        "payer": split.payer,
        "apn": split.apn,
        "rating_groups": split.rating_groups,
        "plan": split.plan,
    }
