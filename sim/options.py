"""What people write on the command line, as values: every mistake at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from ocs.address import address
from ocs.files import Duration, Volume

T = TypeVar("T")

_VOLUME: Final[TypeAdapter[int]] = TypeAdapter(Volume)
_DURATION: Final[TypeAdapter[int]] = TypeAdapter(Duration)
_errors = Console(stderr=True, highlight=False, soft_wrap=True)


OcsOption = Annotated[str, typer.Option("--ocs", metavar="HOST:PORT", help="Gy address of the OCS (TCP).")]
ImsiOption = Annotated[str, typer.Option("--imsi", help="IMSI of the first SIM; the others follow it.")]
ForOption = Annotated[str, typer.Option("--for", metavar="TIME", help="How long, such as 30s or 10 min.")]
HostOption = Annotated[str, typer.Option("--host", help="Origin-Host of the gateway.")]
RealmOption = Annotated[str, typer.Option("--realm", help="Origin-Realm, and Destination-Realm.")]
ReconnectOption = Annotated[str, typer.Option(metavar="TIME", help="Tc: between attempts to connect again.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")]


class Mistakes:
    """Collects what is wrong with the options of one command."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def read(self, option: str, text: str, reader: Callable[[str], T], default: T) -> T:
        """What `text` means; where it means nothing, a mistake and `default`."""
        try:
            return reader(text)
        except ValueError as error:
            self.add(option, str(error), text)
            return default

    def need(self, option: str, text: str | None, reader: Callable[[str], T], default: T) -> T:
        """The same, for an option that must be there."""
        if text is None:
            self.lines.append(f"{option} is missing")
            return default
        return self.read(option, text, reader, default)

    def add(self, option: str, expected: str, text: object) -> None:
        """One mistake."""
        self.lines.append(f"{option} {text}: {expected}")

    def check(self) -> None:
        """Ends the command with exit status 2, one line for each mistake, if there are any."""
        if self.lines:
            raise refused(*self.lines)


def refused(*lines: str) -> typer.Exit:
    """To be raised: says the lines and ends the command with exit status 2."""
    for line in lines:
        _errors.print(line, markup=False)
    return typer.Exit(2)


def nobody_there(ocs: str, error: OSError) -> typer.Exit:
    """To be raised where the OCS cannot be reached: one line, exit status 3."""
    reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
    refused(f"no OCS at {ocs}: {reason or 'no answer'}")
    return typer.Exit(3)


def ocs_address(text: str) -> tuple[str, int]:
    """HOST:PORT of a server. ValueError if it is none."""
    found = address(text)
    if not found.port:
        raise ValueError("expected a port from 1 to 65535")
    return found


def volume(text: str) -> int:
    """Octets of `20MB`, `4 MiB` or a bare number. ValueError if it is none."""
    return _quantity(_VOLUME, text)


def duration(text: str) -> int:
    """Seconds of `30s`, `10 min` or a bare number. ValueError if it is none."""
    return _quantity(_DURATION, text + "in" if text.endswith("m") else text)


def whole(most: int, least: int = 1) -> Callable[[str], int]:
    """Reads a whole number from `least` to `most`. ValueError if it is none."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) or not least <= int(text) <= most:
            raise ValueError(f"expected a whole number from {least:,} to {most:,}")
        return int(text)

    return read


def some(reader: Callable[[str], int]) -> Callable[[str], int]:
    """The same, refusing nothing at all."""

    def read(text: str) -> int:
        value = reader(text)
        if value < 1:
            raise ValueError("expected more than nothing")
        return value

    return read


def imsi(text: str) -> str:
    """An IMSI (TS 23.003 2.2). ValueError if it is none."""
    if not re.fullmatch(r"[0-9]{6,15}", text, re.ASCII):
        raise ValueError("expected an IMSI of 6 to 15 digits")
    return text


def numbered_imsi(first: str, number: int) -> str:
    """The IMSI `number` after `first`, with as many digits."""
    return str(int(first) + number).zfill(len(first))


def on_interrupt(stop: Callable[[], None]) -> None:
    """Have Ctrl-C end what runs in this loop in order, where the platform can."""
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)


def microseconds_utc() -> int:
    """The clock of the real world."""
    return time.time_ns() // 1000


def _quantity(adapter: TypeAdapter[int], text: str) -> int:
    spaced = re.sub(r"(?<=[0-9])(?=[A-Za-z])", " ", text.strip())
    try:
        return adapter.validate_python(int(spaced) if spaced.isdecimal() else spaced)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
