"""What is asked of an OCS and of a PGW, as data: `*.yaml` beside this file, one file per area.

A row has a stable `id`; the `clause` it stands on; the `side` that must keep it (`ocs`, `pgw`, `both`); its `level` as
in the source, or INTEROP (field practice), ROBUST (survival and safety of money that no clause spells out), INFO (two
readings; behaviour is recorded, never judged); what is at stake (`severity`: money, security, interop, parsing); and
the hooks beyond Gy that deciding it `needs`. `when` and `then` say the stimulus and what must be seen, in our own
words. `from_memory` marks rows whose clause was not at hand when they were written: check it before quoting it.

A row without a case says why: `not_testable`, `out_of_scope` or `not_yet`, with the reason. A row with a case says
nothing: it is tested. `tests/conformance` holds both to be true of every row.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from ruamel.yaml import YAML

Side = Literal["ocs", "pgw", "both"]
Level = Literal["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "INTEROP", "ROBUST", "INFO"]
Severity = Literal["money", "security", "interop", "parsing"]
Hook = Literal[
    "provision",
    "alter",
    "top_up",
    "suspend",
    "balance",
    "edrs",
    "invoices",
    "restart",
    "stop",
    "attach",
    "use",
    "detach",
]
Status = Literal["tested", "not testable", "out of scope", "not yet"]

SEVERITIES: tuple[Severity, ...] = ("money", "security", "interop", "parsing")
"""Worst first."""

BINDING: frozenset[Level] = frozenset({"MUST", "MUST NOT"})
"""Levels whose failure is a failure of the run."""


class Requirement(BaseModel):
    """One row. See the module's docstring for its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Z0-9][A-Za-z0-9.\-]*$")]
    clause: str
    side: Side
    level: Level
    severity: Severity
    needs: tuple[Hook, ...] = ()
    from_memory: bool = False
    when: str
    then: str
    not_testable: str | None = None
    out_of_scope: str | None = None
    not_yet: str | None = None
    area: str = ""

    @model_validator(mode="after")
    def _one_reason(self) -> Requirement:
        if sum(reason is not None for reason in (self.not_testable, self.out_of_scope, self.not_yet)) > 1:
            raise ValueError(f"{self.id}: one reason at most")
        return self

    @property
    def status(self) -> Status:
        """Whether a case decides it, and if not, of which kind the reason is."""
        if self.not_testable is not None:
            return "not testable"
        if self.out_of_scope is not None:
            return "out of scope"
        return "not yet" if self.not_yet is not None else "tested"

    @property
    def reason(self) -> str:
        """Why no case decides it; empty if one does."""
        return self.not_testable or self.out_of_scope or self.not_yet or ""

    @property
    def binding(self) -> bool:
        """Whether a failure of it fails the run."""
        return self.level in BINDING

    def concerns(self, side: str) -> bool:
        """Whether `side` (`ocs` or `pgw`) must keep it."""
        return self.side in (side, "both")


@cache
def requirements() -> dict[str, Requirement]:
    """All rows by id, in the order of the files (areas by name) and of the rows in them."""
    rows: dict[str, Requirement] = {}
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        for row in YAML(typ="safe").load(path.read_text(encoding="utf-8")):
            requirement = Requirement(**row, area=path.stem.upper())
            if requirement.id in rows:
                raise ValueError(f"{path.name}: {requirement.id} is there twice")
            rows[requirement.id] = requirement
    return rows
