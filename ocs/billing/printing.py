"""Documents as files: JSON always, PDF when wanted. Needs the extra `report`.

Printing is where a payer without a name gets one; closing a cycle knows accounts only.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from ocs.billing.documents import Document, Party, to_json
from ocs.billing.names import invent
from ocs.billing.pdf import render


def addressed(document: Document) -> Document:
    """The document with names and addresses of who writes it and who pays."""
    seller, customer = document.related_party
    kind: Literal["company", "customer"] = "customer" if document.type == "ConsumerStatement" else "company"
    parties = _named(seller, "company"), _named(customer, kind)
    return msgspec.structs.replace(document, related_party=parties)


def _named(party: Party, kind: Literal["company", "customer"]) -> Party:
    if party.name and party.address:
        return party
    name, address = invent(party.id, kind)
    return msgspec.structs.replace(party, name=party.name or name, address=party.address or address)


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
