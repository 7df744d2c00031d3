"""What names the owners of a car that is sold, by number from 0."""

from __future__ import annotations


def driver_of(vehicle: str, owner: int) -> str:
    """The account of an owner: `own-001-driver`, then `own-001-driver-2`."""
    return f"{vehicle}-driver" if owner == 0 else f"{vehicle}-driver-{owner + 1}"


def split_of_owner(split_id: str, owner: int) -> str:
    """An owner's part of a split: `wifi`, then `wifi/2`."""
    return split_id if owner == 0 else f"{split_id}/{owner + 1}"
