"""Closing a billing cycle: each payer gets a document of their own, and every octet and cent is accounted for.

Read in this order:

- `close`: the door. `close_cycle` turns records into documents; it is pure, so a repeated run gives the same bytes.
- `rated`: settles postpaid use on the cycle's totals, and writes a rated record for each EDR.
- `ledger`: what happened to each prepaid bucket in the cycle.
- `invoice`, `statement`: the enterprise invoice of a B2B payer, the consumer statement of a B2C payer.
- `documents`: the document itself, in the shape of a TM Forum 678 customer bill; `money`: exact amounts, rounded once.
- `printing`: documents as JSON and PDF files; `pdf` and `document.typ` set the page, `names`
  invents payers who have none.
- `reconcile`: proves that truth, Gy, EDRs, ledger and documents agree, and names the EDRs behind each difference.

Cycles and prices come from `ocs.rating`, the records from `ocs.records`.
"""
