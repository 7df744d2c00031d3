"""The operator's commands: `serve`, and what is said to a served OCS or read from its store.

Exit status 0; 1 the OCS refused; 2 bad input.
"""

from __future__ import annotations

import typer

from ocs.commands.bills import bill, credit, explain_line, feed_again, reconcile_command
from ocs.commands.orders import checkpoint, move, plan, profile, provision, shutdown, status_command, top_up
from ocs.commands.serve import serve_command
from ocs.commands.views import edrs, explain_command, sims, usage


def add_commands(app: typer.Typer) -> None:
    """Put the operator's commands into the front door."""
    app.command("serve", help="A running OCS on Gy, for real clients.")(serve_command)
    app.command("topup", help="Sell a bundle to the driver of a SIM.")(top_up)
    for name, status, what in (
        ("suspend", "suspended", "Suspend a SIM, or one split of it."),
        ("resume", "active", "Resume a SIM, or one split of it."),
        ("terminate", "terminated", "End a SIM, or one split of it, for good."),
    ):
        app.command(name, help=what)(status_command(status))
    app.command("plan", help="Change the price plan of one split of a SIM.")(plan)
    app.command("profile", help="Give a SIM another profile, or other payers: the car was sold.")(profile)
    app.command("move", help="Give a SIM to another account; its splits keep their payers.")(move)
    app.command("provision", help="Add accounts, plans, profiles and SIMs to a running OCS.")(provision)
    app.command("checkpoint", help="Keep the state of a running OCS: its next restart is quick.")(checkpoint)
    app.command("shutdown", help="End a running OCS in order.")(shutdown)
    app.command("sims", help="SIMs and their subscriptions.")(sims)
    app.command("usage", help="What is left of every subscription's credit.")(usage)
    app.command("edrs", help="The records of a store as CSV: one for every report of used units.")(edrs)
    app.command("bill", help="Close a billing cycle: documents, feed, rated records, reconciliation.")(bill)
    app.command("reconcile", help="Compare EDRs, ledger and documents of a cycle, to the octet.")(reconcile_command)
    app.command("explain-line", help="A line of a document, with the records behind it.")(explain_line)
    app.command("credit", help="Order a credit note for an invoice.")(credit)
    app.command("feed-again", help="Feed the documents again that accounting has rejected.")(feed_again)
    app.command("explain", help="Why a session got its answers: split, plan, bucket and rule.")(explain_command)
