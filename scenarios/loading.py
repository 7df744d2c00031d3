"""Reads scenario files: every mistake at once, in the file itself and in the provisioning file that it includes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from ocs.files import FileError, Mistake, in_order, line_of, read_whole, read_yaml
from ocs.inventory.provisioning import Provisioning
from scenarios.checks import REGISTRY
from scenarios.schema import Scenario
from scenarios.trips import read_trips

LIBRARY = Path(__file__).parent / "library"

_ANY_SCENARIO: dict[str, Any] = {
    "title": "?",
    "start": date(2026, 1, 1),
    "duration": 366 * 86_400,
    "seed": 1,
    "expect": [{"check": next(iter(REGISTRY))}],
}
"""What stands in for a wrong field while the rest of the file is checked."""


def library() -> dict[str, Path]:
    """The scenarios that come with the package, by name."""
    return {path.stem: path for path in sorted(LIBRARY.glob("*.yaml"))}


def load(path: Path) -> Scenario:
    """The scenario file at `path`.

    Raises:
        FileError: every mistake in it and in the file it includes, in order of file and line.
    """
    file, tree = str(path), read_yaml(path)
    if not isinstance(tree, dict):
        raise FileError(
            [Mistake(file, 1, "", "expected a scenario: title, start, duration, provisioning, fleet, expect")]
        )
    mistakes: list[Mistake] = []
    missed: set[str] = set()
    sold = _read_provisioning(path, tree, mistakes, missed)
    tree["provisioning"] = sold or Provisioning()
    tree.pop("include", None)
    scenario = read_whole(Scenario, tree, file, mistakes, missed, stand_ins=_ANY_SCENARIO, follow=sold is not None)
    if scenario is not None:
        scenario = _with_trips(scenario, path, mistakes)
    if mistakes or scenario is None:
        raise FileError(in_order(mistakes))
    return scenario


def _with_trips(scenario: Scenario, path: Path, mistakes: list[Mistake]) -> Scenario:
    """The scenario with the trips that its groups have from files."""
    groups = []
    for group in scenario.fleet:
        if group.trips is not None:
            file, ids = path.parent / group.trips.file, group.vehicle_ids()
            try:
                journeys = read_trips(file, ids, scenario.begins, scenario.ends, scenario.zone)
            except FileError as error:
                mistakes += error.mistakes
            else:
                group = group.model_copy(update={"trips": group.trips.holding(journeys)})
        groups.append(group)
    return scenario.model_copy(update={"fleet": tuple(groups)})


def _read_provisioning(path: Path, tree: Any, mistakes: list[Mistake], missed: set[str]) -> Provisioning | None:
    inline, include = tree.get("provisioning"), tree.get("include")
    if (inline is None) == (include is None):
        line = line_of(tree, ("include",))
        mistakes.append(Mistake(str(path), line, "provisioning", "expected either provisioning: or include: FILE"))
        return None
    if include is None:
        return read_whole(Provisioning, inline, str(path), mistakes, missed, at=("provisioning",))
    if not isinstance(include, str):
        mistakes.append(Mistake(str(path), line_of(tree, ("include",)), "include", "expected the name of a file"))
        return None
    try:
        included = path.parent / include
        return read_whole(Provisioning, read_yaml(included), str(included), mistakes, missed)
    except FileError as error:
        mistakes += error.mistakes
        return None
