"""The front door: puts together the commands of every room, and does nothing else.

New here? Read `README.md`, then `ocs/__init__.py`, `sim/__init__.py`, `scenarios/__init__.py` and
`conformance/__init__.py`: each says in ten lines what its room is for and where to go next.
"""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from ocs.bench.cli import add_commands as add_bench_commands
from ocs.cli import add_commands as add_ocs_commands
from scenarios.cli import add_commands as add_scenario_commands
from sim.cli import add_commands as add_gateway_commands


class _FrontDoor(TyperGroup):
    """Opens the conformance suite only for who goes there: its many cases would cost each other command a quarter of
    its start, and the suite itself starts these commands as hooks.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), "conformance"]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name != "conformance":
            return super().get_command(ctx, cmd_name)
        from conformance.cli import commands

        suite = typer.main.get_command(commands)
        suite.name = cmd_name
        return suite


app = typer.Typer(
    cls=_FrontDoor,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Network simulator and conformance harness for split billing on one SIM.",
)
add_scenario_commands(app)
add_gateway_commands(app)
add_ocs_commands(app)
add_bench_commands(app)


def main() -> None:
    """The command `splitsim`."""
    app()


if __name__ == "__main__":
    main()
