"""Closing a billing cycle: each payer gets a document of their own, and every octet and cent is accounted for.

Read in this order:

- `close`: the door. `close_cycle` turns books into documents; it is pure, so a repeated run gives the same bytes.
- `books`: all that billing reads: what was sold, the history of subscriptions, EDRs, ledger. `tenure`: one
  subscription in one cycle, read from its history. `usage`: what EDRs say, as far as settling needs it.
- `sources`: what closing asks of records, and lists that answer it; `sums` answers in SQL (`sql`) over one `view`,
  which has the same columns whether a store or Parquet files are behind it.
- `settle`: settles postpaid use on the cycle's totals, pools too, and use that came late; `apportion` divides so that
  the parts add up. `rated`: a rated record for each EDR. `online`: messages and calls. `ledger`: prepaid buckets.
- `invoice`, `statement`, `resale`, `credit`: what B2B payers owe, what B2C payers bought, what resellers owe and keep,
  what is given back.
- `documents`: the document itself, in the shape of a TM Forum 678 customer bill; `money`: exact amounts, rounded once.
- `printing`: documents as JSON and PDF files; `pdf` and `document.typ` set the page, `names` invents payers who have
  none. `feed`: the CSV for an accounting system, and what that rejects.
- `received`: what Gy reported, from the requests themselves. `reconcile`, `crosscheck`: prove that truth, Gy, EDRs,
  ledger and documents agree, and name the EDRs behind each difference; `reconciled` writes it down. `margin`: revenue
  less the operator's own costs.
- `runs`: what was known when a cycle was closed. `tracing`: from a line of a document to its records.

Cycles and prices come from `ocs.rating`, the records from `ocs.records`; `ocs.commands.bills` reads a store.
"""
