"""The consumer statement: what a B2C payer bought in a cycle, and where the octets went.

Purchases were paid when they were made, so nothing is due. Buckets appear from the cycle of their purchase until they
are used up or expired.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction

from ocs.billing.documents import BucketUse, Line, Money, WalletUse
from ocs.billing.ledger import BucketMovements
from ocs.billing.money import rate, rounded
from ocs.billing.tenure import Tenure
from ocs.billing.wording import duration_in_words, volume_in_words
from ocs.catalogue.plans import Bundle, PrepaidIndividual
from ocs.inventory.provisioning import Operator
from ocs.rating.cycle import local_date
from ocs.records.edr import Edr
from ocs.units import MICROS


def statement_lines(buckets: Iterable[tuple[Tenure, BucketMovements]], operator: Operator) -> Iterator[Line]:
    """A line for each purchase of the cycle, and for each free quota given in it, at price zero."""
    for tenure, bucket in buckets:
        if not bucket.added:
            continue
        price = Fraction(bucket.credit.price_micros, MICROS)
        amount = Money(unit=operator.currency, value=rounded(price, operator.currency))
        included = operator.consumer_prices_include_vat
        yield Line(
            id="",
            type=bucket.kind,
            name=name_of(tenure, bucket, operator.currency),
            date=local_date(bucket.credit.at, operator.time_zone).isoformat(),
            split=tenure.split,
            product=tenure.product,
            octets=0 if bucket.in_money else bucket.added,
            quantity=Decimal(1),
            unit="bundle",
            unit_price=Money(unit=operator.currency, value=rate(price, operator.currency)),
            exact_amount=Money(unit=operator.currency, value=rate(price, operator.currency)),
            tax_included_amount=amount if included else None,
            tax_excluded_amount=None if included else amount,
        )


def bucket_use(buckets: Iterable[tuple[Tenure, BucketMovements]], currency: str) -> Iterator[BucketUse]:
    """A row for each bucket of octets that the cycle saw."""
    for tenure, bucket in buckets:
        if bucket.in_money:
            continue
        yield BucketUse(
            bucket_id=bucket.bucket_id,
            virtual_sim=tenure.last.mpc_iccid or "",
            product=tenure.product,
            name=name_of(tenure, bucket, currency),
            octets_opening=bucket.opening,
            octets_added=bucket.added,
            octets_used=bucket.used,
            octets_expired=bucket.expired,
            octets_closing=bucket.closing,
            octets_reserved=bucket.reserved,
        )


def wallet_use(buckets: Iterable[tuple[Tenure, BucketMovements]], currency: str) -> Iterator[WalletUse]:
    """A row for each purchase of money that the cycle saw."""

    def money(micros: int) -> Money:
        return Money(unit=currency, value=rate(Fraction(micros, MICROS), currency))

    for tenure, bucket in buckets:
        if bucket.in_money:
            yield WalletUse(
                bucket_id=bucket.bucket_id,
                virtual_sim=tenure.last.mpc_iccid or "",
                product=tenure.product,
                name=name_of(tenure, bucket, currency),
                opening=money(bucket.opening),
                added=money(bucket.added),
                used=money(bucket.used),
                expired=money(bucket.expired),
                closing=money(bucket.closing),
                reserved=money(bucket.reserved),
            )


def paid_in_money(edr: Edr) -> bool:
    """Whether a prepaid record was paid from a wallet: of prepaid plans only these have a price of a block."""
    return edr.party == "b2c" and edr.unit_price_micros is not None


def name_of(tenure: Tenure, bucket: BucketMovements, currency: str) -> str:
    """A bucket as a document calls it: the plan, what was bought or given, how long it is valid."""
    plan, amount = tenure.plan, bucket.credit.amount
    if bucket.in_money:
        volume = f"credit of {rate(Fraction(amount, MICROS), currency):f}"
    else:
        volume = volume_in_words(amount, plan.megabyte)
    bundle = _bundle(plan, bucket) if isinstance(plan, PrepaidIndividual) else None
    valid = ""
    if bundle is not None:
        valid = f", valid {duration_in_words(bundle.valid) if not bundle.with_cycle else 'until the cycle ends'}"
    what = {"free_quota": "free quota ", "refund": "refund of ", "purchase": ""}[bucket.kind]
    return f"{plan.name or plan.id}: {what}{volume}{valid}"


def _bundle(plan: PrepaidIndividual, bucket: BucketMovements) -> Bundle | None:
    if plan.free_quota is not None and plan.free_quota.id == bucket.bundle_id:
        return plan.free_quota
    return plan.bundle(bucket.bundle_id)
