"""What the commands share: options, tables, the way to a running OCS, and how mistakes are told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand

from ocs import control
from ocs.address import Store, store
from ocs.store.journal import StoreError

_WHOLE: Final = frozenset({"imsi", "number", "type", "at", "answer"})
"""Columns that are not broken over lines."""
_WIDE: Final = 200
errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

Db = Annotated[
    str | None, typer.Option(metavar="URL", help="The store: sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE.")
]
ControlPath = Annotated[
    Path | None,
    typer.Option("--control", metavar="PATH", help="Control socket of the running OCS; beside the store if --db."),
]
RequestId = Annotated[
    str | None, typer.Option(help="Said again, the same id changes nothing; made up and printed when not given.")
]
By = Annotated[str, typer.Option(help="Who wants it; kept in the history.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the history.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


class OperatorCommand(TyperCommand):
    """A command that tells every option that is missing or cannot be read, not the first alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click's `Command.parse_args`."""
        try:
            return super().parse_args(ctx, [*args])
        except typer.BadParameter as first:
            opts, rest, _ = self.make_parser(ctx).parse_args(args=[*args])
            wrong = []
            for parameter in self.get_params(ctx):
                try:
                    _, rest = parameter.handle_parse_result(ctx, opts, rest)
                except typer.BadParameter as error:
                    wrong.append(error.format_message())
            if len(wrong) < 2:
                raise first from None
            raise bad(*wrong, f"Try '{ctx.command_path} --help' for help.") from None


Ask = Callable[[str, dict[str, Any]], Any]
"""An order, or a view, by name and what it is about; gives the answer."""


@contextmanager
def office(db: str | None, path: Path | None) -> Iterator[Ask]:
    """Whoever takes orders: the running OCS whose store or control socket is given, or the store if none is running."""
    store = store_of(db) if db is not None else None
    if path is None:
        if store is None:
            raise bad("expected --control PATH or --db URL: which OCS?")
        path = control.beside(store)
        if not control.listens(path) and (not isinstance(store, Path) or store.exists()):
            with _resting(store) as ask:
                yield ask
            return
    where = path

    def ask_it(do: str, body: dict[str, Any]) -> Any:
        try:
            return control.ask(where, do, body)
        except control.ControlError as error:
            raise bad(str(error)) from None

    yield ask_it


@contextmanager
def _resting(store: Store) -> Iterator[Ask]:
    from ocs.resting import Resting  # few commands meet a store at rest

    try:
        resting = Resting(store)
    except StoreError as error:
        raise bad(f"--db {error}") from None
    try:
        yield lambda do, body: msgspec.json.decode(msgspec.json.encode(asyncio.run(control.answer(do, body, resting))))
    finally:
        resting.close()


def asked(db: str | None, path: Path | None, do: str, body: dict[str, Any] | None = None) -> Any:
    """What is answered by whoever takes orders: `office`."""
    with office(db, path) as ask:
        return ask(do, body or {})


def asked_of_a_server(db: str | None, path: Path | None, do: str) -> Any:
    """What a running OCS answers."""
    if path is None:
        if db is None:
            raise bad("expected --control PATH or --db URL: which OCS?")
        path = control.beside(store_of(db))
    try:
        return control.ask(path, do)
    except control.ControlError as error:
        raise bad(str(error)) from None


def store_of(db: str) -> Store:
    """What --db names."""
    try:
        return store(db)
    except ValueError as error:
        raise bad(f"--db: {error}") from None


def paper() -> Console:
    """Where tables go: as wide as the terminal, and wide where there is none that would break their lines."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDE
    return console


def table(rows: Sequence[Any], columns: Sequence[str]) -> Table:
    """Rows (records or dictionaries) with these of their columns."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name.replace("_", " "), no_wrap=name in _WHOLE, overflow="fold")
    for row in rows:
        get = row.get if isinstance(row, dict) else lambda name, row=row: getattr(row, name)
        table.add_row(*("all" if name == "rating_groups" and not get(name) else _cell(get(name)) for name in columns))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if value >= 10_000 else str(value)
    return "" if value is None else str(value)


def each(*reads: Callable[[], Any]) -> list[Any]:
    """What each of `reads` gives, none of which needs another: so that all that is wrong is told, not the first alone.

    Raises:
        typer.Exit: one of them has told a mistake (`bad`).
    """
    found, failed = [], None
    for read in reads:
        try:
            found.append(read())
        except typer.Exit as exit_:
            failed = exit_
    if failed is not None:
        raise failed
    return found


def bad(*lines: str) -> typer.Exit:
    """Bad input: a line for each mistake, exit status 2."""
    for line in lines:
        errors.print(line)
    return typer.Exit(2)


def refused(*lines: str) -> typer.Exit:
    """What the OCS does not do: a line for each reason, exit status 1."""
    for line in lines:
        errors.print(line)
    return typer.Exit(1)
