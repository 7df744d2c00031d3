"""The operator's commands: `serve`, and what is said to a served OCS or read from its store.

Exit status 0; 1 the OCS refused; 2 bad input.
"""

from __future__ import annotations

from functools import partial

import typer

from ocs.commands.bills import bill, credit, explain_line, feed_again, reconcile_command
from ocs.commands.options import OperatorCommand
from ocs.commands.orders import checkpoint, move, plan, profile, provision, shutdown, state, status_command, top_up
from ocs.commands.serve import serve_command
from ocs.commands.views import edrs, explain_command, history, sims, usage


def add_commands(app: typer.Typer) -> None:
    """Put the operator's commands into the front door."""
    command = partial(app.command, cls=OperatorCommand)
    command("serve", help="A running OCS on Gy, for real clients.")(serve_command)
    command("topup", help="Sell a bundle to the driver of a SIM.")(top_up)
    for name, status, what in (
        ("suspend", "suspended", "Suspend a SIM, or one split of it."),
        ("resume", "active", "Resume a SIM, or one split of it."),
        ("terminate", "terminated", "End a SIM, or one split of it, for good."),
    ):
        command(name, help=what)(status_command(status))
    command("state", help="Move a SIM on in its life cycle: in testing, billing ready, in billing, retired.")(state)
    command("plan", help="Change the price plan of one split of a SIM.")(plan)
    command("profile", help="Give a SIM another profile, or other payers: the car was sold.")(profile)
    command("move", help="Give a SIM to another account; its splits keep their payers.")(move)
    command("provision", help="Make an OCS hold what a file says; tells what changes.")(provision)
    command("checkpoint", help="Keep the state of a running OCS: its next restart is quick.")(checkpoint)
    command("shutdown", help="End a running OCS in order.")(shutdown)
    command("sims", help="SIMs and their subscriptions.")(sims)
    command("history", help="Who changed a SIM and its subscriptions, when and why.")(history)
    command("usage", help="What every subscription has used in the cycle, and what is left of its credit.")(usage)
    command("edrs", help="The records of a store as CSV: one for every report of used units.")(edrs)
    command("bill", help="Close a billing cycle: documents, feed, rated records, reconciliation.")(bill)
    command("reconcile", help="Compare EDRs, ledger and documents of a cycle, to the octet.")(reconcile_command)
    command("explain-line", help="A line of a document, with the records behind it.")(explain_line)
    command("credit", help="Order a credit note for an invoice.")(credit)
    command("feed-again", help="Feed the documents again that accounting has rejected.")(feed_again)
    command("explain", help="Why a session got its answers: split, plan, bucket and rule.")(explain_command)
