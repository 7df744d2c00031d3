"""Hooks: how a case reaches what Gy cannot. Each is a shell command or an HTTP request of the PIXIT."""

from __future__ import annotations

import csv
import io
import shlex
import string
import subprocess
import time
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import quote

from conformance.sut.ics import HookName, HookSpec, Http

_SECONDS_MAX: Final = 60
_NOT_FOUND: Final = 126
"""From this exit status on a shell says that it could not run a command, or that a signal ended it."""
_WORDS_MAX: Final = 200
"""Octets of an HTTP error that are told."""


class HookMissing(Exception):  # noqa: N818
    """The PIXIT does not say how: the case is not applicable."""

    def __init__(self, name: str) -> None:
        super().__init__(f"needs hook {name}")
        self.name = name


class HookFailed(Exception):  # noqa: N818
    """The hook was there and did not work: an error of the test bed, not of the SUT.

    `refusal`: it did work, and the SUT said no, by an exit status below 126 or an HTTP status 4xx other than 404.
    """

    def __init__(self, text: str, *, refusal: bool = False) -> None:
        super().__init__(text)
        self.refusal = refusal


class Hooks:
    """The hooks of one PIXIT."""

    def __init__(self, specs: dict[HookName, HookSpec]) -> None:
        self._specs = specs

    def has(self, name: HookName) -> bool:
        """Whether the PIXIT says how."""
        return name in self._specs

    def call(self, name: HookName, **values: object) -> str:
        """Works the hook and gives what it prints.

        Raises:
            HookMissing: there is none. HookFailed: exit status or HTTP status says failure.
        """
        spec = self._specs.get(name)
        if spec is None:
            raise HookMissing(name)
        if spec.command is not None:
            out = _run(name, _fill(spec.command, values, quoted=True))
        elif spec.http is not None:
            out = _fetch(name, spec.http, values)
        else:
            raise HookFailed(f"hook {name}: neither a command nor an HTTP request")
        if spec.settle_seconds:
            time.sleep(spec.settle_seconds)
        return out

    def attempt(self, name: HookName, **values: object) -> bool:
        """Works the hook; whether its exit status, or HTTP status, says that the SUT took what it was told.

        Raises:
            HookMissing: there is none. HookFailed: it could not be worked at all.
        """
        try:
            self.call(name, **values)
        except HookFailed as failed:
            if not failed.refusal:
                raise
            return False
        return True

    def rows(self, name: HookName, **values: object) -> list[dict[str, str]]:
        """The rows of an export (CSV with a header), with our names for the columns of the map."""
        text = self.call(name, **values)
        columns = {theirs: ours for ours, theirs in self._specs[name].columns.items()}
        return [
            {columns.get(column, column): value for column, value in row.items() if column is not None}
            for row in csv.DictReader(io.StringIO(text))
        ]


def _fill(template: str, values: dict[str, object], *, quoted: bool) -> str:
    """`{name}` replaced by the value of that name; other braces are written twice."""
    if quoted:
        texts = {name: shlex.quote(str(value)) for name, value in values.items()}
    else:
        texts = {name: quote(str(value)) for name, value in values.items()}
    try:
        return string.Formatter().vformat(template, (), texts)
    except (KeyError, ValueError, IndexError) as error:
        raise HookFailed(f"hook template {template!r}: {error}") from None


def _run(name: str, command: str) -> str:
    try:
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False,
            start_new_session=True,  # an interrupt from the keyboard is for the run, not for the SUT
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise HookFailed(f"hook {name}: no end within {_SECONDS_MAX} s: {command}") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        words = f"hook {name}: exit status {done.returncode}: {command}: {''.join(last)}"
        raise HookFailed(words, refusal=0 < done.returncode < _NOT_FOUND)
    return done.stdout


def _fetch(name: str, http: Http, values: dict[str, object]) -> str:
    body = http.body or ""
    for key, value in values.items():
        body = body.replace(f"{{{key}}}", str(value))  # all other braces stay: it may be JSON
    try:
        request = urllib.request.Request(
            _fill(http.url, values, quoted=False),
            data=body.encode() if http.body is not None else None,
            headers=http.headers,
            method=http.method,
        )
    except ValueError as error:
        raise HookFailed(f"hook {name}: {http.url}: {error}") from None
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS_MAX) as answer:
            return str(answer.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        words = error.read(_WORDS_MAX).decode("utf-8", "replace").strip()
        refusal = 400 <= error.code < 500 and error.code != 404
        raise HookFailed(f"hook {name}: HTTP {error.code} from {request.full_url}: {words}", refusal=refusal) from None
    except OSError as error:
        raise HookFailed(f"hook {name}: {request.full_url}: {error}") from None
