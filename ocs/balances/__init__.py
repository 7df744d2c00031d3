"""The account balance management function (ABMF, TS 32.296): what a prepaid subscription owns, and what is reserved.

`purse` holds the buckets of one subscription. Every movement is a `Transfer` (`ocs.records.edr`): a reservation is
pending until it is posted, voided or expired, in parts if need be. At every moment, for every bucket,

    credited = used + reserved + expired + remaining

The room knows nothing of Gy: `ocs.charging` asks it to reserve, settle and debit.
"""
