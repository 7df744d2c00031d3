"""The part of the codec that is in C (`_octets.pyx`): `None` where it was not built, and Python does the same."""

from __future__ import annotations

import types

fast: types.ModuleType | None
try:
    from ocs.gy import _octets as fast
except ImportError:
    fast = None
