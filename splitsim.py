"""The front door: puts together the commands of every room, and does nothing else.

New here? Read `README.md`, then `ocs/__init__.py`, `sim/__init__.py`, `scenarios/__init__.py` and
`conformance/__init__.py`: each says in ten lines what its room is for and where to go next.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

_ROOMS: Final = ("scenarios.cli", "sim.cli", "ocs.cli", "ocs.bench.cli", "conformance.cli")
"""In the order in which help shows them."""
_SEARCH: Final = ("ocs.cli", "sim.cli", "scenarios.cli", "ocs.bench.cli", "conformance.cli")


@cache
def _commands(room: str) -> dict[str, Any]:
    commands = typer.Typer(callback=lambda: None)
    import_module(room).add_commands(commands)
    group = typer.main.get_command(commands)
    assert isinstance(group, TyperGroup)
    return dict(group.commands)


class _Rooms(TyperGroup):
    """Enters no more rooms than a command needs: an OCS that starts anew has no time to get a fleet ready."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return next((found for room in _SEARCH if (found := _commands(room).get(cmd_name))), None)

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for room in _ROOMS for name in _commands(room)]


app = typer.Typer(
    cls=_Rooms,
    callback=lambda: None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Network simulator and conformance harness for split billing on one SIM.",
)


def main() -> None:
    """The command `splitsim`."""
    app()


if __name__ == "__main__":
    main()
