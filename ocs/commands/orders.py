"""Commands to a running OCS, through its control socket. Said again with the same request id, they change nothing."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from ocs.commands.options import By, ControlPath, Db, Reason, RequestId, asked, bad, errors
from ocs.files import FileError
from ocs.inventory.provisioning import load_provisioning


def top_up(
    imsi: str,
    bundle: Annotated[str, typer.Argument(help="A bundle that the split's plan sells.")],
    split: Annotated[str, typer.Option(help="The B2C split.")] = "wifi",
    db: Db = None,
    control_path: ControlPath = None,
    request_id: RequestId = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Sell a bundle."""
    body = {"imsi": imsi, "split_id": split, "bundle_id": bundle, "by": by, "reason": reason}
    _order("TopUp", body, db, control_path, request_id)


def status_command(status: str) -> Any:
    """The command that puts a SIM, or a split of it, into a status."""

    def command(
        imsi: str,
        split: Annotated[str | None, typer.Option(help="One split; the SIM as a whole if not given.")] = None,
        reason: Reason = "by the operator",
        db: Db = None,
        control_path: ControlPath = None,
        request_id: RequestId = None,
        by: By = "",
    ) -> None:
        body = {"imsi": imsi, "split_id": split, "status": status, "reason": reason, "by": by}
        _order("SetStatus", body, db, control_path, request_id)

    return command


def plan(
    imsi: str,
    plan: Annotated[str, typer.Argument(help="A plan that is provisioned.")],
    split: Annotated[str, typer.Option(help="The split; `sim`: the physical SIM's own plan.")] = "wifi",
    db: Db = None,
    control_path: ControlPath = None,
    request_id: RequestId = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Change a plan."""
    body = {"imsi": imsi, "split_id": split, "plan_id": plan, "by": by, "reason": reason}
    _order("ChangePlan", body, db, control_path, request_id)


def profile(
    imsi: str,
    profile: Annotated[str | None, typer.Argument(help="A profile that is provisioned; none takes it away.")] = None,
    payer: Annotated[
        list[str] | None, typer.Option(metavar="SPLIT=ACCOUNT", help="Who pays for a split that leaves it open.")
    ] = None,
    plan: Annotated[
        list[str] | None, typer.Option(metavar="SPLIT=PLAN", help="Another plan than the profile's for a split.")
    ] = None,
    db: Db = None,
    control_path: ControlPath = None,
    request_id: RequestId = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Change a profile."""
    payers, plans = _pairs("--payer", payer), _pairs("--plan", plan)
    body = {"imsi": imsi, "profile_id": profile, "payers": payers, "plans": plans, "by": by, "reason": reason}
    _order("ChangeProfile", body, db, control_path, request_id)


def move(
    imsi: str,
    account: Annotated[str, typer.Argument(help="An account that is provisioned.")],
    db: Db = None,
    control_path: ControlPath = None,
    request_id: RequestId = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Give a SIM to another account."""
    body = {"imsi": imsi, "account_id": account, "by": by, "reason": reason}
    _order("MoveSim", body, db, control_path, request_id)


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    pairs = {left: right for left, _, right in (text.partition("=") for text in texts or ())}
    if not all(left and right for left, right in pairs.items()):
        raise bad(f"{option}: expected SPLIT=..., such as wifi=driver-1 (got {', '.join(texts or ())})")
    return pairs


def provision(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    db: Db = None,
    control_path: ControlPath = None,
    request_id: RequestId = None,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Provision a file."""
    try:
        content = json.loads(load_provisioning(file).model_dump_json())
    except FileError as error:
        raise bad(*map(str, error.mistakes)) from None
    _order("Provision", {"provisioning": content, "by": by, "reason": reason}, db, control_path, request_id)


def checkpoint(db: Db = None, control_path: ControlPath = None) -> None:
    """Make the next restart quick."""
    typer.echo(f"checkpoint at {_accepted(asked(db, control_path, 'checkpoint'))}")


def shutdown(db: Db = None, control_path: ControlPath = None) -> None:
    """End the OCS."""
    typer.echo(asked(db, control_path, "shutdown")["reference"])


def _order(do: str, body: dict[str, Any], db: str | None, path: Path | None, request_id: str | None) -> None:
    """Send one command, and print what it made; exit status 1 if it was refused."""
    request_id = request_id or str(uuid.uuid4())
    receipt = asked(db, path, do, {**body, "request_id": request_id})
    typer.echo(f"{_accepted(receipt)} (request id {request_id})")


def _accepted(receipt: dict[str, Any]) -> str:
    """What a receipt refers to; exit status 1 if it says no."""
    if receipt["error"]:
        errors.print(receipt["error"])
        raise typer.Exit(1)
    return str(receipt["reference"])
