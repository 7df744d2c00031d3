"""The billing feed: counts and control totals that agree, the same bytes again, and rejects read back."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from ocs.billing.documents import Document
from ocs.billing.feed import feed_name, is_complete, read_rejects, rejected, to_feed, write_feed
from ocs.files import FileError
from tests.billing.books import Books


@pytest.fixture(scope="module")
def documents() -> tuple[Document, ...]:
    books = Books(profile="car")
    for number in (1, 2, 3):
        books.join(number, "2026-04-01 10:00")
        books.use(number, "fleet", 60_000_000 + number, "2026-04-02 08:00")
        books.use(number, "insurer", 1_000, "2026-04-02 08:00")
        books.buy(number, "day", "2026-04-03 08:00")
    return books.close().documents


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(content.decode().splitlines()))


def test_records_are_numbered_and_the_trailer_counts_and_adds_them(documents: tuple[Document, ...]) -> None:
    header, *body, trailer = rows(to_feed(documents, "2026-04", 1))
    assert header == ["H", "splitsim-billing-feed", "1", "2026-04", "1"]
    assert [row[1] for row in body] == [str(number) for number in range(1, len(body) + 1)]
    of_documents, lines = [row for row in body if row[0] == "D"], [row for row in body if row[0] == "L"]
    assert trailer[:4] == ["T", str(len(body)), str(len(of_documents)), str(len(lines))]
    amounts = sum(Decimal(row[12]) for row in lines)
    assert Decimal(trailer[4]) == amounts
    for place, total in ((9, 5), (10, 6), (11, 7)):
        assert Decimal(trailer[total]) == sum(Decimal(row[place]) for row in of_documents)
    assert int(trailer[8]) == sum(int(row[13]) for row in lines)
    # Invoices are net and statements gross: each adds up in the way that it is written.
    for row in of_documents:
        own = sum(Decimal(line[12]) for line in lines if line[2] == row[2])
        assert own == Decimal(row[9] if row[3] == "EnterpriseInvoice" else row[11])


def test_the_same_documents_give_the_same_bytes(documents: tuple[Document, ...], tmp_path: Path) -> None:
    first, again = (
        write_feed(tmp_path / "a", documents, "2026-04", 1),
        write_feed(tmp_path / "b", documents, "2026-04", 1),
    )
    assert first.name == again.name == feed_name("2026-04", 1) == "feed-2026-04-0001.csv"
    assert first.read_bytes() == again.read_bytes()
    assert first.with_name(f"{first.name}.done").read_bytes() == again.with_name(f"{again.name}.done").read_bytes()


def test_a_feed_without_its_marker_or_cut_short_is_not_complete(
    documents: tuple[Document, ...], tmp_path: Path
) -> None:
    path = write_feed(tmp_path, documents, "2026-04", 1)
    assert is_complete(path)
    whole = path.read_bytes()
    assert path.with_name(f"{path.name}.done").read_text().split()[1] == str(len(rows(whole)) - 2)
    path.write_bytes(whole[:-10])
    assert not is_complete(path)
    path.write_bytes(whole)
    path.with_name(f"{path.name}.done").unlink()
    assert not is_complete(path)


def reject_file(folder: Path, *lines: str) -> Path:
    path = folder / "feed-2026-04-0001.rej.csv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


HEADER = "H,splitsim-billing-reject,1,feed-2026-04-0001.csv"


def test_rejects_name_document_and_line_and_are_fed_again(documents: tuple[Document, ...], tmp_path: Path) -> None:
    path = reject_file(tmp_path, HEADER, "X,1,ACC01,account closed", 'X,3,VAT07,"no code, for this line"', "T,2")
    first, second = read_rejects(path, documents)
    assert (first.bill_no, first.line_id, first.code, first.text) == (
        documents[0].bill_no,
        "",
        "ACC01",
        "account closed",
    )
    assert (second.bill_no, second.line_id) == (documents[0].bill_no, f"{documents[0].bill_no}-2")
    assert second.text == "no code, for this line"
    again = rejected(documents, [first, second])
    assert [document.bill_no for document in again] == [documents[0].bill_no]
    assert rows(to_feed(again, "2026-04", 2))[0][-1] == "2"


def test_an_empty_reject_file_rejects_nothing(documents: tuple[Document, ...], tmp_path: Path) -> None:
    assert read_rejects(reject_file(tmp_path, HEADER, "T,0"), documents) == []


def test_every_mistake_of_a_reject_file_is_said(documents: tuple[Document, ...], tmp_path: Path) -> None:
    path = reject_file(
        tmp_path,
        "H,other,1,feed",
        "X,99999,A,b",
        "X,one,A,b",
        "Y,1,A,b",
        "X,1,A,b",
        "X,1,A,again",
        "X,2,,no code",
        "T,2",
    )
    with pytest.raises(FileError) as caught:
        read_rejects(path, documents)
    assert [mistake.line for mistake in caught.value.mistakes] == [1, 2, 3, 4, 6, 7, 8]
    with pytest.raises(FileError, match="cannot be read"):
        read_rejects(tmp_path / "missing.rej.csv", documents)
    with pytest.raises(FileError, match="header"):
        read_rejects(reject_file(tmp_path), documents)
