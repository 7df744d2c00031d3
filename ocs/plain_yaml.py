"""The plain part of YAML 1.2, read fast: block and flow collections of plain and quoted scalars, and comments.

Lists of a hundred thousand SIMs are written in it. `read` gives what ruamel.yaml gives for such a text, with the line
of everything; for any other (anchors, tags, escapes, block scalars, several documents, and every mistake) it gives
nothing, and ruamel.yaml reads the text or says what is wrong with it.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any, Final


class Map(dict[str, Any]):
    """A mapping with line marks, from 1."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] | None = None
        """Of each key; None: all stand in `line`."""

    def line_at(self, key: object) -> int | None:
        """The line of a key; None if it is not there."""
        if key not in self:
            return None
        return self.line if self.lines is None else self.lines[str(key)]


class Seq(list[Any]):
    """A sequence with line marks, from 1."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []
        """Of each item."""

    def line_at(self, place: object) -> int | None:
        """The line of an item; None if it is not there."""
        return self.lines[place] if isinstance(place, int) and 0 <= place < len(self) else None


def read(text: str) -> Map | Seq | None:
    """The tree of a text that is plain; None for any other."""
    if "\t" in text or "\r" in text or (not text.isprintable() and not _PRINTABLE.fullmatch(text)):
        return None
    try:
        return _Reader(text).document()
    except (_UnusualError, IndexError, RecursionError):
        return None


class _UnusualError(Exception):
    """Not the plain part of YAML."""


_PRINTABLE: Final = re.compile(r"[\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]*")
_LINE: Final = re.compile(r"^( *)(?=[^ \n#])([^\n]*)", re.MULTILINE)
_BLOCK_KEY: Final = re.compile(
    r"""(?:((?:[1-9]\d*[A-DF-Za-df-z]|[A-Za-z_])[\w.-]*)|"([^"\\\n]*)"|'([^'\n]*)') *:(?: +|(?=\n)|\Z)"""
)
_FLOW_KEY: Final = re.compile(
    r"""(?:((?:[1-9]\d*[A-DF-Za-df-z]|[A-Za-z_])[\w.-]*)|"([^"\\\n]*)"|'([^'\n]*)') *:(?=[ \n])"""
)
_PAIR: Final = re.compile(r"""([A-Za-z_][\w-]*): (?:"([^"\\\n]*)"|([A-Za-z][\w./-]*))(, ?(?=[^ \n#}])|\})""")
"""What most pairs of a flow mapping look like, with what follows."""
_QUOTED: Final = re.compile(r""""([^"\\\n]*)"|'([^'\n]*)'(?!')""")
_FLOW_PLAIN: Final = re.compile(r"-?[A-Za-z0-9][^,\[\]{}\n:#]*")
_SKIP: Final = re.compile(r"[ \n]*(?:(?<=[ \n])#[^\n]*[ \n]*)*")
_REST: Final = re.compile(r" *(?: #[^\n]*)?(?=\n|\Z)")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9]\d*)")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9]\d*)\.\d+")
_MIXED: Final = re.compile(r"\d+(?:\.\d+)? [A-Za-z].*|[1-9]\d*[A-DF-Za-df-z][\w -]*|\d{4}-\d\d")
"""Begins like a number and is none: `50 MB`, `1gb`, `2026-04`."""
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_WORDS: Final = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    "null": None, "Null": None, "NULL": None,
}  # fmt: skip


@lru_cache(maxsize=8_192)
def _resolved(text: str) -> Any:
    """A plain scalar by the core schema (YAML 1.2 10.3.2), and dates as ruamel.yaml takes them."""
    if text[0].isalpha():
        return _WORDS.get(text, text)
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise _UnusualError from None
    if _MIXED.fullmatch(text):
        return text
    raise _UnusualError


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: list[tuple[int, int, int, int]] = []
        """Indent, start and end of the content, and number of each line that has any."""
        number = last = 0
        for match in _LINE.finditer(text):
            number += text.count("\n", last, match.start()) + (not last and not number)
            last = match.start()
            self._lines.append((len(match[1]), match.start(2), match.end(), number))
        self._place = 0

    def document(self) -> Map | Seq:
        first = self._lines[0]
        if self._text.startswith(("---", "%"), first[1]):
            raise _UnusualError
        found = self._flow_document() if self._text[first[1]] in "{[" else self._block()
        if self._place < len(self._lines):
            raise _UnusualError
        return found

    def _flow_document(self) -> Map | Seq:
        found: Map | Seq = self._flow_line(self._lines[0][1])
        return found

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _block(self) -> Map | Seq:
        return self._sequence() if self._is_item() else self._mapping()

    def _is_item(self) -> bool:
        _, start, end, _ = self._lines[self._place]
        return self._text[start] == "-" and (start + 1 == end or self._text[start + 1] == " ")

    def _indent(self) -> int:
        """Of the next line; -1 after the last."""
        return self._lines[self._place][0] if self._place < len(self._lines) else -1

    def _mapping(self) -> Map:
        indent, _, _, number = self._lines[self._place]
        found = Map(number)
        lines = found.lines = {}
        while self._indent() == indent:
            _, start, _, number = self._lines[self._place]
            match = _BLOCK_KEY.match(self._text, start)
            if match is None:
                raise _UnusualError
            key = match[match.lastindex or 0]
            if key in found or key in _WORDS:
                raise _UnusualError
            lines[key] = number
            found[key] = self._value(match.end(), indent, items_beside=True)
        if self._indent() > indent:
            raise _UnusualError
        return found

    def _sequence(self) -> Seq:
        indent, _, _, number = self._lines[self._place]
        found = Seq(number)
        while self._indent() == indent and self._is_item():
            _, start, end, number = self._lines[self._place]
            found.lines.append(number)
            at = start + 1
            while at < end and self._text[at] == " ":
                at += 1
            if at >= end or self._text[at] == "#":  # the item stands below
                raise _UnusualError
            if self._text.startswith("- ", at) or _BLOCK_KEY.match(self._text, at):
                self._lines[self._place] = indent + at - start, at, end, number
                found.append(self._block())
            else:
                found.append(self._value(at, indent))
        if self._indent() > indent:
            raise _UnusualError
        return found

    def _value(self, at: int, indent: int, items_beside: bool = False) -> Any:
        """What stands at `at`, or in the lines below. `items_beside`: items below need no deeper indent."""
        text, end = self._text, self._lines[self._place][2]
        if at >= end or text[at] == "#":
            self._place += 1
            below = self._indent()
            if below > indent or (items_beside and below == indent and self._is_item()):
                return self._block()
            return None
        if text[at] in "{[":
            return self._flow_line(at)
        if text[at] in "\"'":
            match = _QUOTED.match(text, at)
            if match is None or not _REST.match(text, match.end()):
                raise _UnusualError
            value: Any = match[match.lastindex or 0]
        else:
            plain = text[at:end].partition(" #")[0].rstrip()
            if ": " in plain or plain[-1] == ":" or not (plain[0].isalnum() or plain[0] == "-"):
                raise _UnusualError
            value = _resolved(plain)
        self._place += 1
        if self._indent() > indent:
            raise _UnusualError
        return value

    # --- flow ---------------------------------------------------------------------------------------------------------

    def _flow_line(self, at: int) -> Any:
        """A flow collection and the end of its last line."""
        self._number = self._lines[self._place][3]
        found, at = self._flow(at)
        rest = _REST.match(self._text, at)
        if rest is None:
            raise _UnusualError
        while self._place < len(self._lines) and self._lines[self._place][1] < at:
            self._place += 1
        return found

    def _skip(self, at: int) -> int:
        text = self._text
        if text[at] not in " \n":
            return at
        match = _SKIP.match(text, at)
        assert match is not None
        self._number += text.count("\n", at, match.end())
        return match.end()

    def _flow(self, at: int) -> tuple[Any, int]:
        text = self._text
        opening = text[at]
        if opening == "{":
            return self._flow_mapping(at + 1)
        if opening == "[":
            return self._flow_sequence(at + 1)
        match = _QUOTED.match(text, at)
        if match is not None:
            return match[match.lastindex or 0], match.end()
        match = _FLOW_PLAIN.match(text, at)
        if match is None:
            raise _UnusualError
        return _resolved(match[0].rstrip()), match.end()

    def _flow_mapping(self, at: int) -> tuple[Map, int]:
        text, found = self._text, Map(self._number)
        first, lines = self._number, {}
        at = self._skip(at)
        while text[at] != "}":
            pair = _PAIR.match(text, at)
            if pair is not None:
                key, quoted, plain, follows = pair.groups()
                value = quoted if plain is None else _WORDS.get(plain, plain)
                number, at = self._number, pair.end() - (follows == "}")
            else:
                match = _FLOW_KEY.match(text, at)
                if match is None:
                    raise _UnusualError
                key, number = match[match.lastindex or 0], self._number
                value, at = self._flow(self._skip(match.end()))
                at = self._after(at, "}")
            if key in found or key in _WORDS:
                raise _UnusualError
            found[key], lines[key] = value, number
        if self._number != first:
            found.lines = lines
        return found, at + 1

    def _flow_sequence(self, at: int) -> tuple[Seq, int]:
        text, found = self._text, Seq(self._number)
        at = self._skip(at)
        while text[at] != "]":
            found.lines.append(self._number)
            value, at = self._flow(at)
            found.append(value)
            at = self._after(at, "]")
        return found, at + 1

    def _after(self, at: int, closing: str) -> int:
        """Where the next item or the closing bracket stands."""
        at = self._skip(at)
        if self._text[at] == ",":
            return self._skip(at + 1)
        if self._text[at] != closing:
            raise _UnusualError
        return at
