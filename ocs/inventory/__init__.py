"""Who has what is sold: accounts, physical SIMs, virtual SIMs, subscriptions, and where their traffic is routed.

- `provisioning`: the file that people write, checked as a whole (every mistake with its line).
- `accounts`: the operator and the account tree under it.
- `identifiers`: ICCID and IMSI, the Luhn digit, MPC IMSI and MPC ICCID.
- `lifecycle`: the states of physical SIMs and of subscriptions, and the steps between them.
- `subscribers`: the same, compiled for charging: a SIM, its APNs, the split and subscription behind each rating group.
- `history`: a record for each change, with who, when and why. `register`: all that was sold, in every version.

A virtual SIM is the subscription of a B2C split; its identifiers never appear on Gy.
"""
