"""The commands of this room: `splitsim pgw` and `splitsim load`."""

from __future__ import annotations

import typer

from sim.load.command import load_command
from sim.pgw.command import pgw_command


def add_commands(app: typer.Typer) -> None:
    """Put `pgw` and `load` into the front door."""
    app.command("pgw", help="A simulated gateway with cars that move octets, against any OCS, in real time.")(
        pgw_command
    )
    app.command("load", help="A load of Gy sessions from many SIMs, at a rate, against any OCS.")(load_command)
