"""What the commands of the suite share: options, the PIXIT behind them, and how mistakes are told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from conformance.sut.given import Options, pixit
from conformance.sut.ics import Ics, IcsError

_errors = Console(stderr=True, highlight=False, soft_wrap=True)

OcsOption = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Gy address of the OCS (TCP).")]
ImsiOption = Annotated[str | None, typer.Option(help="A subscriber with credit.")]
MsisdnOption = Annotated[str | None, typer.Option(help="Its E.164 number.")]
ApnOption = Annotated[str | None, typer.Option(help="Its APN.")]
GroupOption = Annotated[list[int] | None, typer.Option("--rg", help="A rating group of it; may be given again.")]
TlsOption = Annotated[bool, typer.Option("--tls", help="Speak TLS from the first octet.")]
TlsCaOption = Annotated[Path | None, typer.Option(help="Who certifies the OCS (PEM); this machine's authorities else.")]
TlsCertOption = Annotated[Path | None, typer.Option(help="Certificate to show when asked (PEM).")]
TlsKeyOption = Annotated[Path | None, typer.Option(help="Its key.")]
TlsNameOption = Annotated[str | None, typer.Option(help="Name in the certificate of the OCS, if not its host.")]
FileArgument = Annotated[Path | None, typer.Argument(metavar="[PIXIT]", help="A file as `conformance init` writes it.")]


def console(quiet: bool = False) -> Console:
    """Where results go; a table is wide where no terminal breaks it."""
    width = None if sys.stdout.isatty() else 200
    return Console(quiet=quiet, highlight=False, soft_wrap=True, width=width)


def bad(*lines: str) -> typer.Exit:
    """Tells mistakes, one a line; raise what it gives: exit status 2."""
    for line in lines:
        _errors.print(line, markup=False)
    return typer.Exit(2)


def given(options: Options) -> Ics:
    """The PIXIT of a file and options; ends with status 2 where they make none."""
    try:
        return pixit(options)
    except IcsError as error:
        raise bad(*error.mistakes) from None
