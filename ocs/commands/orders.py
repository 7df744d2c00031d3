"""Orders to an OCS, running or at rest. Said again with the same request id, they change nothing."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from ocs.changeset import Difference, parts_of
from ocs.commands.options import (
    AsJson,
    Ask,
    By,
    ControlPath,
    Db,
    Reason,
    RequestId,
    asked,
    asked_of_a_server,
    bad,
    errors,
    office,
    refused,
)
from ocs.files import FileError
from ocs.inventory.provisioning import Provisioning, load_provisioning


class OpenSessions(Enum):
    """What to do where a provisioning file would give an open session another payer, or none."""

    REFUSE = "refuse"
    SETTLE = "settle"


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


class State(Enum):
    """Where a SIM can be put in its life cycle; suspend and resume have commands of their own."""

    IN_TESTING = "in_testing"
    BILLING_READY = "billing_ready"
    IN_BILLING = "in_billing"
    RETIRED = "retired"


def state(
    imsi: str,
    to: Annotated[State, typer.Argument(metavar="STATE", help=", ".join(item.value for item in State))],
    reason: Reason = "by the operator",
    db: Db = None,
    control_path: ControlPath = None,
    request_id: RequestId = None,
    by: By = "",
) -> None:
    """Move a SIM on."""
    body = {"imsi": imsi, "split_id": None, "status": to.value, "reason": reason, "by": by}
    _order("SetStatus", body, db, control_path, request_id)


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
    dry_run: Annotated[bool, typer.Option(help="Only tell what would change.")] = False,
    open_sessions: Annotated[
        OpenSessions, typer.Option(help="Where a change gives an open session another payer, or none.")
    ] = OpenSessions.REFUSE,
    as_json: AsJson = False,
) -> None:
    """Make an OCS hold what a file says, and tell what changes. What the file does not name stays as it is."""
    try:
        wanted = load_provisioning(file)
    except FileError as error:
        raise bad(*map(str, error.mistakes)) from None
    request_id = request_id or str(uuid.uuid4())
    body = {"by": by, "reason": reason, "settle": open_sessions is OpenSessions.SETTLE}
    parts = [(part, {**body, "request_id": f"{request_id}/{number}"}) for number, part in enumerate(parts_of(wanted))]
    with office(db, control_path) as ask:
        told = [_align(ask, part, {**body, "dry_run": True}) for part, body in parts]
        differences = _whole(told)
        if as_json:
            typer.echo(json.dumps(differences, indent=2))
        else:
            for line in _told(differences):
                typer.echo(line)
        changing = {item["id"] for item in differences if item["kind"] == "profile"}
        for profile in wanted.profiles:
            if profile.id in changing:
                for remark in profile.remarks():
                    errors.print(f"note: {remark}")
        mistakes = list(dict.fromkeys(mistake for answer in told for mistake in answer["mistakes"]))
        if mistakes:
            if any(answer["stranded"] for answer in told) and open_sessions is OpenSessions.REFUSE:
                mistakes.append(
                    "--open-sessions settle: what was granted settles with who pays now, what follows with the other"
                )
            raise refused(*mistakes)
        if dry_run:
            return
        for (part, body), answer in zip(parts, told, strict=True):
            if answer["differences"]:
                wrong = _align(ask, part, body)["mistakes"]
                if wrong:
                    raise refused(*wrong)
    if not as_json:
        typer.echo(f"{_counted(differences)} (request id {request_id})" if differences else "nothing to do")


def _align(ask: Ask, part: Provisioning, body: dict[str, Any]) -> dict[str, Any]:
    answer = ask("align", {**body, "provisioning": json.loads(part.model_dump_json(exclude_unset=True))})
    if "mistakes" not in answer:  # a receipt that says no
        raise refused(answer["error"])
    return cast(dict[str, Any], answer)


def _whole(told: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The differences of all parts, each once."""
    return list({(item["kind"], item["id"]): item for answer in told for item in answer["differences"]}.values())


_TOLD: Final = 10
"""Differences of one kind that are told one by one."""


def _told(differences: list[dict[str, str]]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for item in differences:
        groups[item["sign"], item["kind"]].append(item)
    for (sign, kind), items in groups.items():
        for item in items[:_TOLD]:
            yield str(Difference(**item))  # type: ignore[arg-type]
        if len(items) > _TOLD:
            rest = items[_TOLD:]
            yield f"{sign} {len(rest):,} more of kind {kind}: {rest[0]['id']} to {rest[-1]['id']} (all of them: --json)"


def _counted(differences: list[dict[str, str]]) -> str:
    return f"{len(differences):,} {'change' if len(differences) == 1 else 'changes'}"


def checkpoint(db: Db = None, control_path: ControlPath = None) -> None:
    """Make the next restart quick."""
    typer.echo(f"checkpoint at {_accepted(asked_of_a_server(db, control_path, 'checkpoint'))}")


def shutdown(db: Db = None, control_path: ControlPath = None) -> None:
    """End the OCS."""
    typer.echo(asked_of_a_server(db, control_path, "shutdown")["reference"])


def _order(do: str, body: dict[str, Any], db: str | None, path: Path | None, request_id: str | None) -> None:
    """Send one command, and print what it made; exit status 1 if it was refused."""
    request_id = request_id or str(uuid.uuid4())
    receipt = asked(db, path, do, {**body, "request_id": request_id})
    typer.echo(f"{_accepted(receipt)} (request id {request_id})")


def _accepted(receipt: dict[str, Any]) -> str:
    """What a receipt refers to; exit status 1 if it says no."""
    if receipt["error"]:
        raise refused(receipt["error"])
    return str(receipt["reference"])
