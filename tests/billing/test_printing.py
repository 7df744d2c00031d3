"""Every kind of document as a page: what has to be on it is on it, and the same document gives the same bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ocs.billing.credit import CreditOrder, credit_note
from ocs.billing.documents import Document, from_json, to_json
from ocs.billing.printing import write_documents
from tests.billing.test_examples import EXAMPLES, played

pytest.importorskip("typst", reason="needs the extra report")
pytest.importorskip("faker", reason="needs the extra report")
READER = shutil.which("pdftotext")


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    """One of each kind."""
    found = {}
    for start in ("a reseller sells", "G. Flex Pool", "a wallet - money"):
        (example,) = [example for example in EXAMPLES if example["example"].startswith(start)]
        close = played(example).close(example["cycle"])
        found |= {f"{document.type} {document.customer.id}": document for document in close.documents}
    invoice = found["EnterpriseInvoice acme"]
    order = CreditOrder("c1", invoice.bill_no, None, None, "ann", "tested by us")
    account = close.register.accounts["acme"]
    note = credit_note(order, 1, close.cycle, close.register.operator, account, invoice, [])
    return {**found, "CreditNote acme": note}


KINDS = [
    "EnterpriseInvoice acme",
    "ConsumerStatement r1",
    "ConsumerStatement d1",
    "ResellerSettlement share",
    "CreditNote acme",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_read_back_and_printed_the_same_again(
    kind: str, documents: dict[str, Document], tmp_path: Path
) -> None:
    document = documents[kind]
    assert from_json(to_json(document)) == document
    first = write_documents(tmp_path / "a", [document], pdf=True)
    again = write_documents(tmp_path / "b", [document], pdf=True)
    assert [path.suffix for path in first] == [".json", ".pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert from_json(first[0].read_bytes()).customer.name


@pytest.mark.skipif(READER is None, reason="needs pdftotext (Debian package poppler-utils)")
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_carries_what_a_document_has_to_say(kind: str, documents: dict[str, Document], tmp_path: Path) -> None:
    _, path = write_documents(tmp_path, [documents[kind]], pdf=True)
    document = from_json(path.with_suffix(".json").read_bytes())
    done = subprocess.run([str(READER), "-layout", str(path), "-"], capture_output=True, text=True, check=True)
    page = re.sub(r"\s+", " ", done.stdout)
    for text in (document.bill_no, document.customer.name, *document.customer.address, document.seller.name):
        assert text in page, text
    assert f"VAT {document.tax_item[0].tax_rate.normalize():f} %" in page
    assert f"{document.tax_included_amount.value:,f}" in page
    for line in document.applied_customer_billing_rate:
        assert line.name in page, line.name
        assert f"{line.unit_price.value:,f}" in page
        assert f"{line.amount:,f}" in page
    owed = {"EnterpriseInvoice": "Please pay", "ResellerSettlement": "Please pay", "CreditNote": "We give back"}
    assert owed.get(document.type, "Nothing is due") in page
