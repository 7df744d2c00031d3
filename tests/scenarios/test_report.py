"""What people see of a run: the page in a real browser, the pictures, the bills as PDF."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.scenarios.command import splitsim

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a small run, written once."""
    from tests.scenarios.conftest import small_scenario

    base = tmp_path_factory.mktemp("report")
    done = splitsim("run", str(small_scenario(base)), "--out", "out", cwd=base)
    assert done.returncode == 0, done.stdout + done.stderr
    return base / "out"


def test_the_folder_holds_what_the_run_promises(folder: Path) -> None:
    for name in ("verdict.json", "run.json", "report.html", "records/edrs.parquet", "manifest.json", "edrs.csv"):
        assert (folder / name).stat().st_size > 0
    assert {path.name for path in (folder / "figures").iterdir()} >= {"balance.png", "endings.png", "splitmap.png"}
    bills = {path.stem for path in (folder / "documents").glob("*.json")}
    assert bills == {path.stem for path in (folder / "documents").glob("*.pdf")}
    assert len(bills) == 4


def test_edrs_are_the_same_in_csv_and_parquet(folder: Path) -> None:
    import duckdb

    query = "select count(*), sum(octets_total), min(edr_id), max(edr_id) from '{}'"
    csv, parquet = (duckdb.sql(query.format(folder / name)).fetchall() for name in ("edrs.csv", "records/edrs.parquet"))
    assert csv == parquet
    assert csv[0][0] > 300


def test_the_page_stands_alone(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)([^"']+)""", page) == []
    assert "@import" not in page
    assert "url(" not in page.replace("url(data:", "")


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (Debian: chromium)")
def test_a_browser_shows_the_page(folder: Path, tmp_path: Path) -> None:
    assert CHROMIUM is not None
    shot = tmp_path / "page.png"
    words = [
        CHROMIUM, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,4000", f"--screenshot={shot}",
        f"file://{folder / 'report.html'}",
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True, timeout=120)
    from PIL import Image

    with Image.open(shot) as picture:
        colours = picture.convert("RGB").getcolors(maxcolors=1_000_000)
        assert picture.size == (1200, 4000)
    # The two parties' colours cover a part of a page whose pictures have been drawn; text alone would not.
    assert colours is not None
    assert sum(count for count, (red, green, blue) in colours if blue > red + 40) > 5_000
    assert sum(count for count, (red, green, blue) in colours if red > blue + 40) > 5_000


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext (Debian: poppler-utils)")
def test_bills_as_pdf_say_who_pays_what(folder: Path) -> None:
    texts = {
        path.stem: subprocess.run(
            ["pdftotext", "-layout", str(path), "-"], check=True, capture_output=True, text=True, timeout=60
        ).stdout
        for path in (folder / "documents").glob("*.pdf")
    }
    (invoice,) = (text for name, text in texts.items() if name.startswith("INV"))
    statements = [text for name, text in texts.items() if name.startswith("STM")]
    for word in (
        "ACME Cars SE",
        "Invoice",
        "INV-2026-03-00001",
        "1 March 2026",
        "VAT 19 %",
        "Total EUR",
        "Please pay EUR",
    ):
        assert word in invoice
    assert "Wi-Fi" not in invoice
    for statement in statements:
        assert "free quota 60 MB" in statement
        assert "Prices include VAT" in statement
        assert "Telematics" not in statement
