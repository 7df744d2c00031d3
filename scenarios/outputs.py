"""The folder of one run. `edrs.csv`, `documents/*.json` and `verdict.json` are the same bytes wherever it ran.

What may vary (wall time, paths, versions, link, octets on the wire) is in `run.json` and nowhere else.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ocs.billing.printing import write_documents
from ocs.records.edr import Edr
from ocs.records.text import write_csv
from scenarios.fleet import assumption
from scenarios.runner import Link, Run
from scenarios.schema import Scenario

REPORT_MODULES = ("faker", "jinja2", "matplotlib", "pyarrow", "typst")
_VERSIONS = ("msgspec", "pydantic", "simpy", "matplotlib", "pyarrow", "typst")


def missing_report_extra() -> str:
    """The modules of the extra `report` that are not installed, as text; empty when all are."""
    return ", ".join(name for name in REPORT_MODULES if find_spec(name) is None)


def write(run: Run, folder: Path, *, report: bool, progress: Callable[[str, float], None]) -> None:
    """Write everything that a run leaves into `folder`; `report` adds page, pictures, PDF and Parquet.

    Raises:
        OSError: the folder cannot be written.
    """
    progress("writing records and bills", 0.9)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "edrs.csv", Edr, run.evidence.edrs)
    write_documents(folder / "documents", run.evidence.documents, pdf=report)
    write_json(folder / "verdict.json", run.verdict.as_data())
    if report:
        from scenarios.report.page import write_report

        write_records(run, folder / "records")
        progress("drawing the report", 0.95)
        note = f"scenario {run.name} · seed {run.verdict.seed} · splitsim {_version('splitsim')}"
        if assumed := assumption(run.scenario.fleet):
            note += f" · assumed: {assumed}"
        write_report(run, folder, note)
    write_json(folder / "manifest.json", manifest(run.scenario, run.name, run.verdict.seed))
    requests = len(run.evidence.exchanges)
    told = particulars(run.name, folder, run.link, requests, run.started, run.wall_seconds)
    write_json(folder / "run.json", told | {"wire_octets": run.wire_octets})
    progress("done", 1.0)


def write_records(run: Run, folder: Path) -> None:
    """What `splitsim query` reads."""
    from scenarios.sharded.records import FILES, ShardFiles
    from scenarios.sharded.rows import hour_rows, no_hours, rows_of, take_hours

    folder.mkdir(exist_ok=True)
    with ShardFiles(folder, FILES) as files:
        for name, rows in rows_of(run.evidence).items():
            files.add(name, rows)
        take_hours(run.evidence, hours := no_hours())
        files.add("series", hour_rows(hours))


def manifest(scenario: Scenario, name: str, seed: int) -> dict[str, Any]:
    """What a run is, so that any car of it can be lived through again: content of `manifest.json`."""
    return {
        "name": name,
        "seed": seed,
        "scenario": scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True),
    }


def read_manifest(folder: Path) -> tuple[Scenario, str, int]:
    """The scenario, its name and the seed of the run in `folder`.

    Raises:
        OSError: there is none.
        ValueError: it is none of these.
    """
    found = json.loads((folder / "manifest.json").read_bytes())
    return Scenario.model_validate(found["scenario"]), str(found["name"]), int(found["seed"])


def particulars(
    name: str, folder: Path, link: Link, requests: int, started: datetime, wall_seconds: dict[str, float]
) -> dict[str, object]:
    """What may differ between two runs of the same scenario and seed: content of `run.json`."""
    return {
        "scenario": name,
        "folder": str(folder.resolve()),
        "link": link.value,
        "credit_control_requests": requests,
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": {what: round(seconds, 3) for what, seconds in wall_seconds.items()},
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {"splitsim": _version("splitsim"), **{name: _version(name) for name in _VERSIONS}},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "from its source tree"


def write_json(path: Path, data: object) -> None:
    """Data as a file that people can read too."""
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
