"""What is sold: price plans and MPC profiles. Immutable, checked when they are loaded, versioned.

- `profiles`: who pays for which APN and rating group of a SIM.
- `plans`: all plans, by kind; `base` is what they share, `postpaid` and `prepaid` the two sorts.
- `grants`: what every grant asks of a plan, for quick reading.
- `prices`: whole micros per block, in tiers, by zone and time of day. `currency`: ISO 4217.
"""
