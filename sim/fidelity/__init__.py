"""How near a generated fleet comes to what was measured on real ones.

- `published`: the figures to compare with, and who published them.
- `measure`: what a generated fleet does, laid beside them.
- `pictures`: the same to look at (extra `report`).
- `command`: `splitsim fleet fidelity`.

Only demand is looked at: no gateway and no OCS takes part.
"""
