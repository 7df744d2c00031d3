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


class HookMissing(Exception):  # noqa: N818
    """The PIXIT does not say how: the case is not applicable."""

    def __init__(self, name: str) -> None:
        super().__init__(f"needs hook {name}")
        self.name = name


class HookFailed(Exception):  # noqa: N818
    """The hook was there and did not work: an error of the test bed, not of the SUT."""


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
            HookMissing: there is none.
        """
        try:
            self.call(name, **values)
        except HookFailed:
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
    """`{name}` replaced by the value of that name; braces around anything else stay as they are."""
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
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired:
        raise HookFailed(f"hook {name}: no end within {_SECONDS_MAX} s: {command}") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise HookFailed(f"hook {name}: exit status {done.returncode}: {command}: {''.join(last)}")
    return done.stdout


def _fetch(name: str, http: Http, values: dict[str, object]) -> str:
    body = http.body.encode() if http.body is not None else None
    for key, value in values.items() if body is not None else ():
        body = body.replace(f"{{{key}}}".encode(), str(value).encode()) if body is not None else None
    request = urllib.request.Request(
        _fill(http.url, values, quoted=False), data=body, headers=http.headers, method=http.method
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS_MAX) as answer:
            return str(answer.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        raise HookFailed(f"hook {name}: HTTP {error.code} from {request.full_url}") from None
    except OSError as error:
        raise HookFailed(f"hook {name}: {request.full_url}: {error}") from None
