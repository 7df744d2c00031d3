"""Whole-number units that every room shares, and the two clocks of the product.

Octets, seconds, service-specific units and micros of money are `int`; an instant is an `int` of microseconds since
1970-01-01T00:00:00Z. Nothing here, and nothing that uses it, holds money or usage in a float.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

SECOND: Final = 1_000_000
"""Microseconds in a second: instants are whole microseconds UTC."""
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

MICROS: Final = 1_000_000
"""Micros in one unit of currency: prices and charges are whole micros."""

NTP_EPOCH_SECONDS: Final = 2_208_988_800
"""Seconds from 1900-01-01 to 1970-01-01: the `Time` AVP format counts from 1900 (RFC 6733 4.3.1)."""

UNSIGNED32_MAX: Final = 2**32 - 1
UNSIGNED64_MAX: Final = 2**64 - 1


def instant(moment: datetime) -> int:
    """Microseconds UTC of an aware datetime, exactly (no float on the way)."""
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds


def utc(now: int) -> datetime:
    """The aware UTC datetime of an instant."""
    seconds, micros = divmod(now, SECOND)
    return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=micros)


def iso(now: int) -> str:
    """An instant as `2026-03-01T00:00:00.000000Z`: sorts as text in the order of time."""
    return utc(now).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
