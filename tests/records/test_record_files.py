"""EDRs and ledger lines written to files come back equal, and equal records give equal bytes."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocs.records.columns import Kind, columns
from ocs.records.edr import BucketPart, Edr, Transfer
from ocs.records.parquet import read_parquet, write_parquet
from ocs.records.text import read_csv, write_csv

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
NUMBER = st.integers(-(2**63), 2**63 - 1)
INSTANT = st.integers(0, 4_102_444_800_000_000)


def records(record: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Any record of the type: every column over its range, optional ones absent at times."""
    kinds = {
        Kind.LABEL: TEXT,
        Kind.IDENTITY: TEXT,
        Kind.COUNT: NUMBER,
        Kind.INSTANT: INSTANT,
        Kind.PARTS: st.lists(st.builds(BucketPart, TEXT, NUMBER), max_size=3).map(tuple),
    }
    words = {"record_type": ["start", "interim", "stop", "event"], "party": ["b2b", "b2c"], "unit_type": ["octets"]}
    words["kind"] = ["credit", "pending", "posted", "voided", "expired"]
    cells = []
    for column in columns(record):
        cell = st.sampled_from(words[column.name]) if column.name in words else kinds[column.kind]
        cells.append(st.none() | cell if column.optional else cell)
    return st.tuples(*cells).map(lambda values: record(*values))


@pytest.mark.parametrize("record", [Edr, Transfer])
@pytest.mark.parametrize(("write", "read"), [(write_csv, read_csv), (write_parquet, read_parquet)])
def test_records_come_back_equal(tmp_path_factory, record, write, read):
    path = tmp_path_factory.mktemp("records") / "file"

    @settings(max_examples=40, deadline=None)
    @given(st.lists(records(record), max_size=4))
    def round_trip(items):
        write(path, record, items)
        key = (lambda e: (e.event_time, e.edr_id)) if record is Edr else (lambda t: (t.at, t.transfer_id))
        assert read(path, record) == sorted(items, key=key)

    round_trip()


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_bytes_do_not_depend_on_the_order_of_simulation(tmp_path: Path, edr, write):
    items = [edr(edr_id=f"s;{n};fleet/{n % 3}/100/0", event_time=n // 4, octets_total=n) for n in range(50)]
    write(tmp_path / "a", Edr, items)
    random.Random(1).shuffle(items)
    write(tmp_path / "b", Edr, items)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_csv_is_readable_by_others(tmp_path: Path, edr):
    parts = (BucketPart("001/wifi/1/trial/1", 3), BucketPart("odd;=%/1", 4))
    item = edr(edr_id="pgw;1/2/200/0", event_time=1_772_323_200_000_001, bucket_parts=parts, amount_micros=None)
    write_csv(tmp_path / "edrs.csv", Edr, [item])
    with (tmp_path / "edrs.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == list(Edr.__struct_fields__)
    assert row["event_time"] == "2026-03-01T00:00:00.000001Z"
    assert row["amount_micros"] == ""
    assert row["bucket_parts"] == "001/wifi/1/trial/1=3;odd%3B%3D%25/1=4"
    assert b"\r" not in (tmp_path / "edrs.csv").read_bytes()


def test_parquet_is_readable_by_duckdb(tmp_path: Path, edr):
    items = [edr(edr_id=str(n), octets_total=10**18, account_id="acme") for n in range(30)]
    write_parquet(tmp_path / "edrs.parquet", Edr, items)
    query = f"select account_id, sum(octets_total), any_value(event_time) from '{tmp_path}/edrs.parquet' group by all"
    ((account, octets, moment),) = duckdb.sql(query).fetchall()
    assert (account, octets) == ("acme", 30 * 10**18)
    assert moment.isoformat() == "2026-03-01T00:00:00"


def test_a_wrong_file_says_where(tmp_path: Path, edr):
    path = tmp_path / "edrs.csv"
    write_csv(path, Edr, [edr(edr_id="a"), edr(edr_id="b")])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], lines[2].replace("interim", "sometimes")]))
    with pytest.raises(ValueError, match=r"edrs\.csv:3: .*'sometimes'"):
        read_csv(path, Edr)
    path.write_text("\n".join([*lines[:2], lines[2] + ",x"]))
    with pytest.raises(ValueError, match=r"edrs\.csv:3: "):
        read_csv(path, Edr)
    path.write_text(lines[0].replace("imei", "IMEI"))
    for read in (read_csv, lambda p, r: read_csv(p, Transfer)):
        with pytest.raises(ValueError, match=r"edrs\.csv:1: expected the columns"):
            read(path, Edr)
    write_parquet(tmp_path / "transfers.parquet", Transfer, [])
    with pytest.raises(ValueError, match="expected the columns edr_id"):
        read_parquet(tmp_path / "transfers.parquet", Edr)


def test_records_do_not_load_pyarrow():
    code = "import sys, ocs.records.parquet, ocs.records.text; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
