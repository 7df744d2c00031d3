"""Records, ledger lines and pushes: what came, against what ought to have come."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ocs.charging.commands import Outcome
from ocs.gy.messages import Ccr, Rar
from ocs.records.edr import Edr
from tests.charging.audit.books import Parts
from tests.charging.audit.ground import Ground
from tests.charging.audit.model import Account, Mscc
from tests.charging.audit.world import PEERS


class Ledger(Ground):
    """Judges what is written down."""

    def _record(
        self,
        ccr: Ccr,
        mscc: Mscc,
        used: int,
        account: Account | None,
        overrun: int,
        paid: Parts,
        late: bool,
    ) -> None:
        flags = ["late"] * late + ["unattributed"] * (account is None)
        prepaid = account is not None and account.plan.prepaid
        self.expected.edrs.append(
            {
                "session_id": ccr.session_id,
                "cc_request_number": ccr.cc_request_number,
                "rating_group": mscc.rating_group,
                "units_used": used,
                "account_id": account.payer if account is not None else "",
                "subscription_id": account.name if account is not None else None,
                "octets_overrun": overrun if prepaid else 0,
                "octets_debited": used - overrun if prepaid else 0,
                "parts": paid if prepaid else [],
                "flags": " ".join(flags),
            }
        )
        self.reported[account.payer if account is not None else ""] += used

    def _check_edrs(self, outcome: Outcome) -> None:
        seen = [_facts(edr) for edr in outcome.edrs]
        for ought in self.expected.edrs:
            ought["parts"] = [(bucket.name, amount) for bucket, amount in ought["parts"]]
        assert seen == self.expected.edrs, f"records {seen}, {self.expected.edrs} ought to be"
        for edr in outcome.edrs:
            assert edr.edr_id not in self.edr_ids or edr.session_id in self.forgotten, f"{edr.edr_id} twice"
            self.edr_ids.add(edr.edr_id)
            self.recorded[edr.account_id] += edr.octets_total
        assert self.reported == self.recorded

    def _check_pushes(self, outcome: Outcome) -> None:
        seen: Counter[tuple[str, str, int | None]] = Counter()
        for push in outcome.pushes:
            assert push.destination_host in PEERS
            if isinstance(push, Rar):
                seen["rar", push.session_id, push.rating_group] += 1
            else:
                seen["asr", push.session_id, None] += 1
        assert seen == self.expected.pushes, f"pushes {dict(seen)}, {dict(self.expected.pushes)} ought to be"

    def _check_credits(self, outcome: Outcome) -> None:
        lines = [line for line in outcome.transfers if line.kind == "credit"]
        assert len(lines) == len(self.expected.credits)
        for line in lines:
            match = next((c for c in self.expected.credits if c[0].name == line.subscription_id), None)
            assert match is not None, f"credit to {line.subscription_id}, who bought nothing"
            self.expected.credits.remove(match)
            account, bucket = match
            assert (line.amount, line.account_id) == (bucket.volume, account.payer)
            bucket.name = line.bucket_id
            self.names[line.bucket_id], self.owner[line.bucket_id] = bucket, account

    def _check_ledger(self, outcome: Outcome) -> None:
        """Every line moves something that is there; together they say what the auditor's own books say."""
        for line in outcome.transfers:
            name = line.transfer_id
            assert name not in self.lines or name.partition("/")[0] in self.forgotten, f"{name} twice"
            assert line.amount > 0
            self.lines[line.transfer_id] = line
            book = self.by_bucket.setdefault(line.bucket_id, Counter())
            book[line.kind] += line.amount
            if line.pending_id is not None:
                assert self.lines[line.pending_id].kind == "pending"
                book["settled"] += line.amount
        for name, book in self.by_bucket.items():
            bucket = self.names[name]
            reserved = book["pending"] - book["settled"]
            seen = (book["credit"], book["posted"], reserved, book["expired"])
            ought = (bucket.volume, bucket.used, bucket.reserved, bucket.expired)
            assert seen == ought, f"{name}: volume, used, reserved, expired {seen}, {ought} ought to be"
            assert bucket.left >= 0
            assert bucket.reserved >= 0


def _facts(edr: Edr) -> dict[str, Any]:
    return {
        "session_id": edr.session_id,
        "cc_request_number": edr.cc_request_number,
        "rating_group": edr.rating_group,
        "units_used": edr.units_used,
        "account_id": edr.account_id,
        "subscription_id": edr.subscription_id,
        "octets_overrun": edr.octets_overrun,
        "octets_debited": edr.octets_debited,
        "parts": [(part.bucket_id, part.amount) for part in edr.bucket_parts],
        "flags": edr.flags,
    }
