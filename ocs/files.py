"""Files that people write: YAML into validated models, every mistake at once, each with file, line and field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from ocs import plain_yaml

VOLUME_UNITS = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip
DURATION_UNITS = {
    "s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": 86_400, "week": 604_800,
}  # fmt: skip


def _quantity(text: object, units: dict[str, int], expected: str) -> int:
    if isinstance(text, int) and not isinstance(text, bool):
        if text < 0:
            raise ValueError(f"expected {expected}")
        return text
    number, _, unit = str(text).strip().partition(" ")
    factor = units.get(unit) or units.get(unit.removesuffix("s"))
    try:
        amount = Decimal(number) * (factor or 0)
    except InvalidOperation:
        factor = None
    if not factor or amount < 0 or amount != amount.to_integral_value():
        raise ValueError(f"expected {expected}")
    return int(amount)


def _volume(text: object) -> int:
    return _quantity(text, VOLUME_UNITS, "a volume such as '50 MB' (10^6), '4 MiB' (2^20) or whole octets")


def _duration(text: object) -> int:
    return _quantity(text, DURATION_UNITS, "a duration such as '28 days', '1 h', '90 s' or whole seconds")


Volume = Annotated[int, BeforeValidator(_volume, json_schema_input_type=int | str)]
"""Octets, written as `50 MB` (10^6), `4 MiB` (2^20) or a whole number of octets."""
Duration = Annotated[int, BeforeValidator(_duration, json_schema_input_type=int | str)]
"""Seconds, written as `28 days`, `1 h`, `90 s` or a whole number of seconds."""


def _money(value: object) -> object:
    return Decimal(str(value)) if isinstance(value, float) else value


Money = Annotated[Decimal, BeforeValidator(_money), PlainSerializer(str, when_used="json")]
"""A price in units of the currency, exact."""


def iana_zone(name: str) -> str:
    """`name` itself, when it is a time zone.

    Raises:
        ValueError: it is not.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("expected an IANA time zone such as Europe/Berlin") from None
    return name


class FileModel(BaseModel):
    """Base of every model read from a file: unknown fields are refused, values never change after load."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Mistake:
    """One thing wrong with a file."""

    file: str
    line: int | None
    field: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.field + ': ' if self.field else ''}{self.message}"


class FileError(Exception):
    """A file that cannot be used: all its mistakes."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


M = TypeVar("M", bound=BaseModel)
Place = tuple[int | str, ...]
"""Where something stands in a file: fields and numbers in lists, from the outermost on."""


def read_yaml(path: Path) -> Any:
    """The YAML tree of a file, with line marks.

    Raises:
        FileError: unreadable file, or not YAML 1.2.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise FileError([Mistake(str(path), None, "", f"cannot be read: {reason}")]) from None
    plain = plain_yaml.read(text)
    if plain is not None:
        return plain
    try:
        return YAML(typ="rt").load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise FileError([Mistake(str(path), line, "", f"not valid YAML: {error.problem}")]) from None
    except YAMLError as error:
        raise FileError([Mistake(str(path), None, "", f"not valid YAML: {error}")]) from None


def line_of(tree: Any, location: tuple[int | str, ...]) -> int | None:
    """The line (from 1) of the deepest known part of `location` in a tree from `read_yaml`."""
    line: int | None = None
    for key in location:
        if isinstance(tree, plain_yaml.Map | plain_yaml.Seq) and (marked := tree.line_at(key)) is not None:
            line = marked
        elif isinstance(tree, CommentedMap) and key in tree:
            line = tree.lc.key(key)[0] + 1
        elif isinstance(tree, CommentedSeq) and isinstance(key, int) and key < len(tree):
            line = tree.lc.item(key)[0] + 1
        else:
            continue  # union tags and the like that pydantic adds to the location
        tree = tree[key]
    if line is None and isinstance(tree, CommentedMap | CommentedSeq):
        line = tree.lc.line + 1
    elif line is None and isinstance(tree, plain_yaml.Map | plain_yaml.Seq):
        line = tree.line
    return line


def validate(model: type[M], tree: Any, file: str, at: tuple[int | str, ...] = ()) -> M:
    """`tree` as a `model`; `at` is where `tree` stands in the file's own tree.

    Raises:
        FileError: with one `Mistake` per validation error.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        raise FileError(
            [
                Mistake(file, line_of(tree, item["loc"]), ".".join(map(str, (*at, *item["loc"]))), _expected({**item}))
                for item in error.errors()
            ]
        ) from None


def load(model: type[M], path: Path) -> M:
    """The file at `path` as a `model`.

    Raises:
        FileError: every mistake in it.
    """
    return validate(model, read_yaml(path), str(path))


def in_order(mistakes: list[Mistake]) -> list[Mistake]:
    """Each mistake once, by file, line and field."""
    return sorted(set(mistakes), key=lambda mistake: (mistake.file, mistake.line or 0, mistake.field))


class Whole(Protocol):
    """A file's model that knows what its parts say against each other."""

    def problems(self) -> Iterator[tuple[Place, str]]:
        """Each disagreement: where, and what."""


def read_whole(
    model: type[M],
    tree: Any,
    file: str,
    mistakes: list[Mistake],
    missed: set[str],
    at: Place = (),
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
        whole: Whole = value  # type: ignore[assignment]
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

    def place(self, where: Place) -> Place:
        """Where in the file a place of the rest stands."""
        kept = self._kept.get(str(where[0]))
        return where if kept is None or len(where) < 2 else (where[0], kept[int(where[1])], *where[2:])

    def follows(self, message: str) -> bool:
        """Whether a mistake is only that an item left out is not found."""
        return any(repr(name) in message for name in self._missed)


def _expected(error: dict[str, Any]) -> str:
    """pydantic's message in the words of somebody who writes a file."""
    kind = error["type"]
    if kind == "extra_forbidden":
        return "unknown field"
    if kind == "missing":
        return "required field is missing"
    if kind == "value_error":
        return f"{error['msg'].removeprefix('Value error, ')} (got {error['input']!r})"[:400]
    return f"{error['msg'][0].lower()}{error['msg'][1:]} (got {error['input']!r})"[:400]
