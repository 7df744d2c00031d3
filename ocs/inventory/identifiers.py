"""ICCID and IMSI: the Luhn digit, and the identifiers of virtual SIMs (ITU-T E.118, TS 23.003 2.2)."""

from __future__ import annotations

MPC_PREFIX = "99999"
"""MCC 999 (internal use) and MNC 99: MPC IMSIs never reach a network."""


def luhn_digit(digits: str) -> str:
    """The check digit that makes `digits` + it pass the Luhn test (ISO/IEC 7812-1 annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def complete_iccid(digits: str) -> str:
    """A 19 or 20 digit ICCID; one of 18 digits, which lacks only its check digit, is completed.

    19 digits with a wrong last one are refused: a typing error is likelier than a 20 digit ICCID cut short.

    Raises:
        ValueError: not an ICCID, or a wrong check digit.
    """
    if not (digits.isascii() and digits.isdigit() and digits.startswith("89") and 18 <= len(digits) <= 20):
        raise ValueError("expected an ICCID: 89 and 16 to 18 more digits")
    if len(digits) > 18 and luhn_digit(digits[:-1]) == digits[-1]:
        return digits
    if len(digits) == 18:
        return digits + luhn_digit(digits)
    raise ValueError(f"expected check digit {luhn_digit(digits[:-1])}")


def mpc_imsi(serial: int) -> str:
    """The MPC IMSI of virtual SIM number `serial` (0 to 10^10 - 1)."""
    return f"{MPC_PREFIX}{serial:010d}"


def mpc_iccid(serial: int) -> str:
    """The MPC ICCID of virtual SIM number `serial`: 89, 999, 99, eleven digits, Luhn digit."""
    body = f"89{MPC_PREFIX}{serial:011d}"
    return body + luhn_digit(body)
