"""Exact money: computed as fractions, rounded half up once, where it becomes an amount on a document."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Final

from ocs.catalogue.currency import minor_places

RATE_PLACES: Final = 12
"""Decimal places kept of what is printed for tracing only: unit prices and amounts before rounding."""


def half_up(exact: Fraction, places: int) -> Decimal:
    """`exact` as a Decimal with `places` places; a half goes away from zero."""
    units = math.floor(abs(exact) * 10**places + Fraction(1, 2))
    return Decimal(units if exact >= 0 else -units).scaleb(-places)


def rounded(exact: Fraction, currency: str) -> Decimal:
    """`exact` as an amount: half up to the currency's minor unit (ISO 4217)."""
    return half_up(exact, minor_places(currency))


def rate(exact: Fraction, currency: str) -> Decimal:
    """`exact` with the places it needs, from those of the currency's minor unit to twelve."""
    value = half_up(exact, RATE_PLACES).normalize()
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # a fraction is never NaN or infinite
    places = minor_places(currency)
    return value if exponent <= -places else value.quantize(Decimal(1).scaleb(-places))


def quantity(exact: Fraction) -> Decimal:
    """`exact` with the places it needs, from none to twelve."""
    value = half_up(exact, RATE_PLACES)
    return value.quantize(Decimal(1)) if exact.denominator == 1 else value.normalize()
