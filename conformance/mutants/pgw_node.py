"""One gateway as a process: `splitsim pgw` with a mutant's fault in it.

python -m conformance.mutants.pgw_node NAME OPTIONS...      the options of `splitsim pgw`
"""

from __future__ import annotations

import sys

import typer

from conformance.mutants.gateway_faults import BY_NAME
from sim.pgw.command import pgw_command


def main() -> None:
    """The command."""
    BY_NAME[sys.argv.pop(1)].install()
    typer.run(pgw_command)


if __name__ == "__main__":
    main()
