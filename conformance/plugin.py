"""The cases as tests of pytest: `pytest --pyargs conformance --ocs HOST:PORT --imsi I --apn A`, or `--pixit FILE`.

Does nothing unless an SUT is given. With xdist (`-n`) the workers share its subscribers through a folder; a destructive
case waits until it is alone. PASS and INFO pass, FAIL and ERROR fail, N-A and INCONC are skipped with their reason;
NON-STRICT fails with `--gy-strict`. What rules have against the messages of a case fails that case.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # the suite itself is imported only where an SUT is given
    from conformance.bench import Run
    from conformance.cases import Case
    from conformance.sut.ics import Ics
    from conformance.verdicts import CaseResult

_CASES = Path(__file__).parent / "cases"
_ICS: pytest.StashKey[Ics] = pytest.StashKey()
_RUN: pytest.StashKey[Run] = pytest.StashKey()
_SHARED: pytest.StashKey[Path] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The SUT, as for `splitsim conformance run`."""
    group = parser.getgroup("conformance", "conformance of an OCS on Gy (pytest --pyargs conformance)")
    group.addoption("--ocs", metavar="HOST:PORT", help="Gy address of the OCS to test")
    group.addoption("--pixit", metavar="FILE", type=Path, help="a file as `splitsim conformance init` writes it")
    group.addoption("--imsi", help="a subscriber with credit")
    group.addoption("--msisdn", help="its E.164 number")
    group.addoption("--apn", help="its APN")
    group.addoption("--rg", metavar="N", type=int, action="append", help="a rating group of it; may be given again")
    group.addoption("--tls", action="store_true", help="speak TLS from the first octet")
    group.addoption("--tls-ca", metavar="FILE", type=Path, help="who certifies the OCS")
    group.addoption("--tls-cert", metavar="FILE", type=Path, help="certificate to show when asked")
    group.addoption("--tls-key", metavar="FILE", type=Path, help="its key")
    group.addoption("--tls-name", metavar="NAME", help="name in the certificate of the OCS, if not its host")
    group.addoption("--gy-seed", metavar="N", type=int, default=1, help="of all that the suite draws")
    group.addoption("--gy-strict", action="store_true", help="NON-STRICT is a failure, too")


def pytest_configure(config: pytest.Config) -> None:
    """Reads the PIXIT, and tries the SUT once: who cannot be reached is said before anything runs."""
    said = config.option
    if said.ocs is None and said.pixit is None:
        return
    from conformance.bench import Run
    from conformance.runner import golden
    from conformance.sut.given import Options, pixit
    from conformance.sut.ics import IcsError
    from conformance.taken import Taken

    options = Options(
        said.pixit, said.ocs, said.imsi, said.msisdn, said.apn, tuple(said.rg or ()), said.tls, said.tls_ca,
        said.tls_cert, said.tls_key, said.tls_name,
    )  # fmt: skip
    try:
        ics = pixit(options)
    except IcsError as error:
        raise pytest.UsageError(*error.mistakes) from None
    if ics.sut.side != "ocs":
        raise pytest.UsageError("sut.side pgw: a gateway dials the tester; use splitsim conformance run")
    if not ics.subscribers.rich:
        raise pytest.UsageError("a subscriber of role rich is needed: --imsi and --apn, or in the PIXIT")
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    shared = Path(workerinput["conformance_folder"]) if workerinput is not None else None
    config.stash[_ICS] = ics
    config.stash[_RUN] = run = Run(ics, said.gy_seed, Taken(shared))
    if workerinput is None and (trouble := golden(run)) is not None:
        pytest.exit(f"{ics.sut.name}: {trouble}", returncode=1 if trouble.reachable else 3)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of xdist begins: it gets the folder that all share."""
    if _RUN in node.config.stash:
        if _SHARED not in node.config.stash:
            node.config.stash[_SHARED] = Path(tempfile.mkdtemp(prefix="splitsim-conformance-"))
        node.workerinput["conformance_folder"] = str(node.config.stash[_SHARED])


def pytest_unconfigure(config: pytest.Config) -> None:
    """The folder goes when all workers have ended."""
    if _SHARED in config.stash:
        shutil.rmtree(config.stash[_SHARED], ignore_errors=True)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The modules of cases are files of tests."""
    if _RUN not in parent.config.stash or file_path.parent != _CASES or file_path.stem.startswith("_"):
        return None
    return CasesFile.from_parent(parent, path=file_path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Those that wait first, those that may harm last."""
    ics = config.stash.get(_ICS, None)
    if ics is not None:
        items.sort(
            key=lambda item: (
                (item.case.destructive, -item.case.expected(ics)) if isinstance(item, CaseItem) else (False, 0.0)
            )
        )


class CasesFile(pytest.File):
    """One area."""

    def collect(self) -> Iterable[pytest.Item]:
        """Its cases of an OCS."""
        from conformance.cases import cases

        module = f"conformance.cases.{self.path.stem}"
        for case in cases().values():
            if case.side == "ocs" and case.module == module:
                yield CaseItem.from_parent(self, name=case.id, case=case)


class CaseFailed(Exception):  # noqa: N818
    """FAIL, or ERROR: all that is to be said of it."""


class CaseItem(pytest.Item):
    """One case. `-k` knows its rows, area, level and severity besides its name."""

    def __init__(self, *, case: Case, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.case = case
        for row in case.requirements:
            self.extra_keyword_matches |= {row.id, row.area, row.level, row.severity}

    def runtest(self) -> None:
        """Runs it."""
        from conformance.runner import run_case

        run = self.config.stash[_RUN]
        with run.taken.at_the_sut(alone=self.case.destructive):
            result = run_case(run, self.case)
        self.user_properties += [
            ("verdict", result.verdict.value),
            ("connection", result.connection),
            ("requirements", " ".join(result.rows)),
        ]
        wrong = list(_against(result, strict=self.config.option.gy_strict))
        if wrong:
            self.add_report_section("call", "ladder", "\n".join(result.trace.ladder()))
            raise CaseFailed("\n".join(wrong))
        if result.verdict.value in ("N-A", "INCONC"):
            pytest.skip(f"{self.case.id}: {result.verdict.value}: {result.reason}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was expected and seen, and no traceback: it would show the suite, not the SUT."""
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where its function is, and its stimulus."""
        return self.path, self.case.function.__code__.co_firstlineno, f"{self.case.id}: {self.case.stimulus}"


def _against(result: CaseResult, *, strict: bool) -> Iterator[str]:
    """Everything that fails a case, in words."""
    from conformance.requirements import requirements
    from conformance.watch import watch

    failing = {"FAIL", "NON-STRICT"} if strict else {"FAIL"}
    for finding in result.findings:
        if finding.verdict.value in failing:
            yield _told(requirements()[finding.row], finding.expected, finding.seen)
    if result.verdict.value == "ERROR":
        yield f"ERROR of the test bed, not of the SUT: {result.reason}"
    for complaint in watch(result.trace.records).complaints:
        if complaint.sender == "ocs":
            row = requirements()[complaint.row]
            yield _told(row, row.then, f"{complaint.title}: {complaint.text}")


def _told(row: Any, expected: str, seen: str) -> str:
    return (
        f"{row.id} ({row.level}, {row.clause or 'no clause'}, {row.severity})\n  expected: {expected}\n  seen: {seen}"
    )
