"""Who has what is sold: accounts, physical SIMs, virtual SIMs, subscriptions, and where their traffic is routed.

- `provisioning`: the file that people write, checked as a whole (every mistake with its line).
- `identifiers`: ICCID and IMSI, the Luhn digit, MPC IMSI and MPC ICCID.
- `subscribers`: the same, compiled for charging: a SIM, its APNs, the split and subscription behind each rating group.

A virtual SIM is the subscription of a B2C split; its identifiers never appear on Gy.
"""
