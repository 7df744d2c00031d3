"""The commands of this room: `splitsim pgw`, `splitsim load` and `splitsim fleet`."""

from __future__ import annotations

import typer

from sim.fidelity.command import fleet_commands
from sim.load.command import load_command
from sim.pgw.command import pgw_command


def add_commands(app: typer.Typer) -> None:
    """Put `pgw`, `load` and `fleet` into the front door."""
    app.command("pgw", help="A simulated gateway with cars that move octets, against any OCS, in real time.")(
        pgw_command
    )
    app.command("load", help="A load of Gy sessions from many SIMs, at a rate, against any OCS.")(load_command)
    app.add_typer(fleet_commands, name="fleet")
