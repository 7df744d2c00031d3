"""Documents as files: JSON always, PDF when wanted. Needs the extra `report`.

Printing is where a payer without a name gets one; closing a cycle knows accounts only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from ocs.billing.documents import Document, to_json
from ocs.billing.names import invent
from ocs.billing.pdf import render


def addressed(document: Document) -> Document:
    """The document with name and address of its payer."""
    seller, customer = document.related_party
    if customer.name and customer.address:
        return document
    name, address = invent(customer.id, "company" if document.type == "EnterpriseInvoice" else "customer")
    customer = msgspec.structs.replace(customer, name=customer.name or name, address=customer.address or address)
    return msgspec.structs.replace(document, related_party=(seller, customer))


def write_documents(folder: Path, documents: Iterable[Document], *, pdf: bool) -> list[Path]:
    """Write `<number>.json`, and `<number>.pdf` if wanted, into `folder`; returns the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for document in map(addressed, documents):
        files = {"json": to_json(document)}
        if pdf:
            files["pdf"] = render(document)
        for ending, content in files.items():
            path = folder / f"{document.bill_no}.{ending}"
            path.write_bytes(content)
            paths.append(path)
    return paths
