"""FT: what may be provisioned and what must be refused (hook provision).

The hook gets `{what}`, a name from below, `{id}`, a request id, and `{imsi}`: that of the newcomer, empty for all other
orders. It carries the order out in the SUT's own language and ends with exit status 0 (HTTP 2xx) where the SUT accepts
it, with any other where it refuses.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from conformance.bench import Bench
from conformance.cases import case
from conformance.cases.records import records_of
from conformance.sut.ics import Subscriber

ORDERS = {
    "split_catch_all": "a profile with a split that has an APN and no rating group",
    "split_one_group": "a profile with a split that has an APN and one rating group",
    "split_groups": "a profile with a split that has an APN and several rating groups",
    "split_without_apn": "a profile with a split that has no APN",
    "splits_that_overlap": "a profile with two splits of one APN and one rating group",
    "postpaid_individual_to_sim": "a Postpaid Individual plan on a physical SIM",
    "postpaid_flex_pool_to_sim": "a Postpaid Flex Pool plan on a physical SIM",
    "postpaid_fixed_pool_to_sim": "a Postpaid Fixed Pool plan on a physical SIM",
    "postpaid_to_virtual_sim": "a postpaid plan on a consumer's split",
    "prepaid_to_virtual_sim": "a Prepaid Individual plan on a consumer's split",
    "prepaid_to_sim": "a Prepaid Individual plan on a physical SIM",
    "plan_with_apn": "a price plan that names an APN",
    "plan_with_rating_group": "a price plan that names a rating group",
    "newcomer": "a subscriber of role newcomer",
}
"""What the hook may be asked for."""


_AT_ONCE = 4
"""Subscribers that are provisioned at the same time."""


def _order(bench: Bench, what: str, imsi: str = "") -> bool:
    request_id = f"conformance-{bench.run.token}-{what}{imsi}"
    return bench.run.hooks.attempt("provision", what=what, imsi=imsi, id=request_id)


def _expect(bench: Bench, *orders: str, accepted: bool) -> None:
    for what in orders:
        done = _order(bench, what)
        word = "accepted" if accepted else "refused"
        bench.check(done == accepted, f"{ORDERS[what]}: {word}", "refused" if accepted else "accepted")


@case("FT-1015.006-2", seconds=3.0)
def splits(bench: Bench) -> None:
    """Splits with no rating group, with one, with several."""
    _expect(bench, "split_catch_all", "split_one_group", "split_groups", accepted=True)


@case("FT-1015.006-3", seconds=2.0)
def ambiguous_splits(bench: Bench) -> None:
    """A split without an APN; two splits with the same APN and rating group."""
    _expect(bench, "split_without_apn", "splits_that_overlap", accepted=False)


@case("FT-1015.006-12", seconds=4.0)
def postpaid_plans(bench: Bench) -> None:
    """Postpaid plans on a physical SIM, and one on a virtual SIM."""
    _expect(
        bench,
        "postpaid_individual_to_sim",
        "postpaid_flex_pool_to_sim",
        "postpaid_fixed_pool_to_sim",
        accepted=True,
    )
    _expect(bench, "postpaid_to_virtual_sim", accepted=False)


@case("FT-1015.006-13", seconds=2.0)
def prepaid_plans(bench: Bench) -> None:
    """A prepaid plan on a virtual SIM, and on the physical one."""
    _expect(bench, "prepaid_to_virtual_sim", accepted=True)
    _expect(bench, "prepaid_to_sim", accepted=False)


@case("FT-1015.006-14", seconds=2.0)
def plans_that_restate(bench: Bench) -> None:
    """Price plans that name an APN, or a rating group, of their own."""
    _expect(bench, "plan_with_apn", "plan_with_rating_group", accepted=False)


@case("FT-1015.006-44", seconds=3.0)
def provisioned_twice(bench: Bench) -> None:
    """The same order with the same request id, twice."""
    subscriber = bench.take("newcomer")
    for _ in range(2):
        _order(bench, "newcomer", subscriber.imsi)
    bench.balance_is(subscriber, subscriber.balance_octets or 0)


@case("FT-1015.006-45", seconds=6.0)
def provisioned_at_once(bench: Bench) -> None:
    """Several subscribers provisioned at the same time; what their records call them."""
    bench.needs("provision", "edrs")
    newcomers = [bench.take("newcomer") for _ in range(_AT_ONCE)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        accepted = list(pool.map(lambda one: _order(bench, "newcomer", one.imsi), newcomers))
    bench.check(all(accepted), f"{_AT_ONCE} subscribers accepted", f"{accepted.count(True)}")
    found = [_virtual_sim(bench, subscriber) for subscriber in newcomers]
    for names, what in zip(zip(*found, strict=True), ("virtual IMSIs", "virtual ICCIDs"), strict=True):
        bench.check(len(set(names)) == len(names), f"{_AT_ONCE} {what}", " ".join(names))
    for imsi, iccid in found:
        bench.check(imsi.isdigit() and len(imsi) <= 15, "an IMSI of 15 digits at most", imsi)
        bench.check(iccid.isdigit() and 18 <= len(iccid) <= 20, "an ICCID of 18 to 20 digits", iccid)
        bench.check(_luhn(iccid), "an ICCID with its check digit (ITU-T E.118)", iccid)


def _virtual_sim(bench: Bench, subscriber: Subscriber) -> tuple[str, str]:
    """The virtual IMSI and ICCID that a subscriber's records bear."""
    session = bench.session(subscriber)
    bench.success(session.initial())
    bench.success(session.terminate(used=1))
    rows = records_of(bench, session, 1)
    bench.check(bool(rows), "a record", "none")
    return rows[0].get("virtual_imsi", ""), rows[0].get("virtual_iccid", "")


def _luhn(digits: str) -> bool:
    """Whether the last digit checks the others."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
