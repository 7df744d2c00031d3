"""What is read fast is what ruamel.yaml reads, values, types and lines; all else is left to it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ocs.files import line_of
from ocs.plain_yaml import read

TREE = Path(__file__).parents[2]
FILES = [
    TREE / "ocs" / "demo.yaml",
    TREE / "tests" / "inventory" / "fifteen_mistakes.yaml",
    TREE / "tests" / "charging" / "worlds" / "full_car.yaml",
    TREE / "tests" / "scenarios" / "files" / "many_mistakes.yaml",
]
LINES = [path.read_text(encoding="utf-8").splitlines() for path in FILES]
SPOILT = [
    ": ", " #x", ", ", "- ", "{", "}", "[", "]", '"', "'", "\n", "\n  ", "\n- ", "~", "null", "true", "0", "-", "e",
    ".", "_", "&a ", "*a", "|", ">", "!", "%", "@", "\\", "é", "2026-03-01", "12:30", "0x1f", "1e3", ".5", "<<", "\t",
    "---",
]  # fmt: skip


def places(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*at, key))


def agrees(text: str) -> bool:
    """Whether the text was read at all; it must be as ruamel.yaml reads it then."""
    ours = read(text)
    if ours is None:
        return False
    try:
        theirs = YAML(typ="rt").load(text)
    except YAMLError as error:
        raise AssertionError(f"{text!r} is read as {ours}, and is wrong: {error}") from None
    assert repr(ours) == repr(YAML(typ="safe", pure=True).load(text)), text
    for place in places(ours):
        assert line_of(ours, place) == line_of(theirs, place), (text, place)
    return True


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_read_fast_and_alike(path: Path) -> None:
    assert agrees(path.read_text(encoding="utf-8"))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_text_that_was_spoilt_is_read_alike_or_not_at_all(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(LINES))
    first = data.draw(st.integers(0, len(lines) - 1))
    part = lines[first : first + data.draw(st.integers(1, 6))]
    indent = min((len(line) - len(line.lstrip()) for line in part if line.strip()), default=0)
    text = "\n".join(line[indent:] for line in part)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + data.draw(st.sampled_from(SPOILT)) + text[place + data.draw(st.integers(0, 2)) :]
    agrees(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: |\n  b",
        "a: &x 1",
        "a: *x",
        "a: !t 1",
        '"a": "b\\n"',
        "a: 1_000",
        "a: 0x1f",
        "- a\n  b",
        "a: 1\na: 2",
        "",
        "a",
    ],
)
def test_what_is_not_plain_is_left_to_ruamel(text: str) -> None:
    assert read(text) is None
