"""Reads scenario files: every mistake at once, in the file itself and in the provisioning file that it includes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from ocs.files import FileError, Mistake, line_of, read_yaml, validate
from ocs.inventory.provisioning import Provisioning
from scenarios.checks import REGISTRY
from scenarios.schema import Scenario, Where

LIBRARY = Path(__file__).parent / "library"

_ANY_SCENARIO: dict[str, Any] = {
    "title": "?",
    "start": date(2026, 1, 1),
    "duration": 366 * 86_400,
    "seed": 1,
    "expect": [{"check": next(iter(REGISTRY))}],
}
"""What stands in for a wrong field while the rest of the file is checked."""


class _Whole(Protocol):
    """A file's model that knows what its parts say against each other."""

    def problems(self) -> Iterator[tuple[Where, str]]: ...


M = TypeVar("M", bound=BaseModel)


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
    scenario = _read(Scenario, tree, file, mistakes, missed, stand_ins=_ANY_SCENARIO, follow=sold is not None)
    if mistakes or scenario is None:
        raise FileError(sorted(set(mistakes), key=lambda mistake: (mistake.file, mistake.line or 0, mistake.field)))
    return scenario


def _read_provisioning(path: Path, tree: Any, mistakes: list[Mistake], missed: set[str]) -> Provisioning | None:
    inline, include = tree.get("provisioning"), tree.get("include")
    if (inline is None) == (include is None):
        line = line_of(tree, ("include",))
        mistakes.append(Mistake(str(path), line, "provisioning", "expected either provisioning: or include: FILE"))
        return None
    if include is None:
        return _read(Provisioning, inline, str(path), mistakes, missed, at=("provisioning",))
    if not isinstance(include, str):
        mistakes.append(Mistake(str(path), line_of(tree, ("include",)), "include", "expected the name of a file"))
        return None
    try:
        included = path.parent / include
        return _read(Provisioning, read_yaml(included), str(included), mistakes, missed)
    except FileError as error:
        mistakes += error.mistakes
        return None


def _read(
    model: type[M],
    tree: Any,
    file: str,
    mistakes: list[Mistake],
    missed: set[str],
    at: Where = (),
    stand_ins: dict[str, Any] | None = None,
    follow: bool = True,
) -> M | None:
    """`tree` as a `model`, or what is sound in it, while every mistake is added to `mistakes`.

    Items of lists that are wrong in themselves are left out before the rest is checked for what it says against
    itself; their ids go to `missed`, for that something misses them is no mistake of its own. `follow`: False leaves
    that second look out.
    """
    sound = _Sound(tree, stand_ins or {}, missed)
    try:
        value: M | None = validate(model, tree, file, at)
    except FileError as error:
        mistakes += error.mistakes
        value = sound.rest(model)
    if follow and value is not None:
        whole: _Whole = value  # type: ignore[assignment]
        for where, message in whole.problems():
            if not sound.follows(message):
                place = sound.place(where)
                mistakes.append(Mistake(file, line_of(tree, place), ".".join(map(str, (*at, *place))), message))
    return value


class _Sound:
    """A tree without the fields and list items that are wrong in themselves."""

    def __init__(self, tree: Any, stand_ins: dict[str, Any], missed: set[str]) -> None:
        self._tree = tree
        self._stand_ins = stand_ins
        self._kept: dict[str, list[int]] = {}
        self._missed = missed

    def rest(self, model: type[M]) -> M | None:
        """What is left of the tree, as a `model`; None when nothing is."""
        if not isinstance(self._tree, dict):
            return None
        body: dict[str, Any] = {}
        wrong: set[tuple[Any, ...]] = set()
        try:
            model.model_validate(self._tree)
        except ValidationError as error:
            wrong = {item["loc"][:2] for item in error.errors()}
        for field, value in self._tree.items():
            if isinstance(value, list) and (field,) not in wrong:
                kept = self._kept[field] = [n for n in range(len(value)) if (field, n) not in wrong]
                if kept:
                    body[field] = [value[number] for number in kept]
                left_out = (item for n, item in enumerate(value) if (field, n) in wrong and isinstance(item, dict))
                self._missed |= {item["id"] for item in left_out if "id" in item}
            elif field in model.model_fields and not any(place[0] == field for place in wrong):
                body[field] = value
        try:
            return model.model_validate({**self._stand_ins, **body})
        except ValidationError:
            return None

    def place(self, where: Where) -> Where:
        """Where in the file a place of the rest stands."""
        kept = self._kept.get(str(where[0]))
        return where if kept is None or len(where) < 2 else (where[0], kept[int(where[1])], *where[2:])

    def follows(self, message: str) -> bool:
        """Whether a mistake is only that an item left out is not found."""
        return any(repr(name) in message for name in self._missed)
