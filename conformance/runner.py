"""Runs cases: in order of danger and money, several at once, each judged twice: by itself and by the rules."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from conformance.bench import Bench, Run
from conformance.cases import Case
from conformance.gateway_bench import GatewayBench, GatewayRun
from conformance.golden import Trouble, golden_session
from conformance.requirements import SEVERITIES, Requirement, requirements
from conformance.sut.hooks import HookFailed, HookMissing
from conformance.sut.ics import Ics
from conformance.tester.observe import NoMessage
from conformance.tester.secure import HandshakeFailed
from conformance.tester.station import Station
from conformance.verdicts import CaseResult, Connection, Ended, Failed, Finding, Verdict, worst
from conformance.watch import Watched, watch
from conformance.watch.watcher import watched_rows
from conformance.wire.message import CER


@dataclass
class RunResult:
    """A whole run."""

    ics: Ics
    seed: int
    started_at: datetime
    results: list[CaseResult] = field(default_factory=list)
    watched: dict[str, Watched] = field(default_factory=dict)
    """By case id."""
    seconds: float = 0.0
    reachable: bool = True
    trouble: str = ""
    """Why the run could not begin or go on."""
    sut_host: str | None = None
    """Origin-Host of the SUT."""
    left_out: list[str] = field(default_factory=list)
    """Cases that a budget left out."""

    def row_verdicts(self) -> dict[str, Verdict]:
        """The verdict of every requirement that the run put to the proof, worst first over cases and rules."""
        found: dict[str, list[Verdict]] = {}
        for result in self.results:
            for row in result.rows:
                own = [finding.verdict for finding in result.findings if finding.row == row]
                ended = result.verdict in (Verdict.INCONC, Verdict.N_A, Verdict.ERROR)
                judged = [verdict for verdict in own if verdict is not Verdict.INFO]
                plain = Verdict.INFO if own and _records_only(row) else Verdict.PASS
                if not judged and ended:
                    plain = result.verdict
                elif not judged and result.verdict is Verdict.FAIL:
                    plain = Verdict.INCONC  # the case ended at another of its rows
                found.setdefault(row, []).append(worst(judged or [plain]))
        for row in watched_rows():
            proofs = sum(each.proved(row, self.ics.sut.side) for each in self.watched.values())
            if proofs:
                found.setdefault(row, []).append(Verdict.FAIL if self.complaints(row) else Verdict.PASS)
        return {row: worst(verdicts) for row, verdicts in sorted(found.items())}

    def complaints(self, row: str) -> list[tuple[str, str]]:
        """What rules have against the SUT under a row: (case id, what)."""
        return [
            (case_id, f"{complaint.title}: {complaint.text}")
            for case_id, each in self.watched.items()
            for complaint in each.complaints
            if complaint.row == row and complaint.sender == self.ics.sut.side
        ]

    def failed_rows(self, *, strict: bool = False) -> list[Requirement]:
        """Binding rows that failed; with `strict` NON-STRICT counts and every level binds, most severe first."""
        bad = {Verdict.FAIL, Verdict.NON_STRICT} if strict else {Verdict.FAIL}
        rows = [
            requirements()[row]
            for row, verdict in self.row_verdicts().items()
            if verdict in bad and (strict or requirements()[row].binding)
        ]
        return sorted(rows, key=lambda row: (SEVERITIES.index(row.severity), row.id))


def _records_only(row: str) -> bool:
    return requirements()[row].level in ("INFO", "MAY")


Progress = Callable[[CaseResult, int, int], None]


def run_cases(
    ics: Ics, chosen: Sequence[Case], *, seed: int = 1, workers: int = 4, progress: Progress = lambda *_: None
) -> RunResult:
    """Runs cases against the SUT of a PIXIT. Destructive ones come last, one at a time, a golden session after each.

    Where the SUT hangs or dies before that, it is restarted, and the cases that may have done it are run again so.
    None is run where the SUT is not there, or refuses the very subscriber that the PIXIT says has credit.
    An interrupt from the keyboard ends it early: no case begins any more, those that run come to their end.
    """
    run = Run(ics, seed)
    out = RunResult(ics, seed, datetime.now(UTC))
    began = time.monotonic()
    trouble = golden(run)
    if trouble is not None:
        out.trouble, out.reachable = f"the golden session: {trouble}", trouble.reachable
    if trouble is None or (trouble.reachable and not trouble.of_pixit):
        gentle = [case for case in chosen if not case.destructive]
        rough = [case for case in chosen if case.destructive]
        lock = threading.Lock()

        def one(case: Case) -> None:
            result = run_case(run, case)
            with lock:
                before = [known for known in out.results if known.case_id == case.id]
                if before and result.verdict is Verdict.N_A:
                    return  # nobody is left for it
                out.results = [known for known in out.results if known.case_id != case.id] + [result]
                out.watched[case.id] = watch(result.trace.records)
                progress(result, len(out.results), len(chosen))

        at_a_time = max(1, workers if "{n}" in ics.tester.origin_host else 1)
        with ThreadPoolExecutor(at_a_time) as pool:
            try:
                list(pool.map(one, _longest_first(gentle, ics, seed)))
                if golden(run) is not None and _restart(run):
                    rough = [*_doubtful(gentle, out.results), *rough]
                for case in rough:
                    one(case)
                last = golden(run)
                if last is not None and not out.trouble:
                    out.trouble = f"the golden session at the end: {last}"
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                out.trouble = f"interrupted: {len(out.results)} of {len(chosen)} cases were run"
    order = {case.id: number for number, case in enumerate(chosen)}
    out.results.sort(key=lambda result: order[result.case_id])
    out.seconds = time.monotonic() - began
    out.sut_host = run.sut_host
    return out


def _doubtful(cases: Sequence[Case], results: Sequence[CaseResult]) -> list[Case]:
    """Cases of which one has brought the SUT down, or that found it so: each is told to be destructive."""
    names = {
        result.case_id
        for result in results
        if result.connection in ("hung", "closed") or result.verdict is Verdict.INCONC
    }
    return [replace(case, destructive=True) for case in cases if case.id in names]


def _longest_first(chosen: Sequence[Case], ics: Ics, seed: int) -> list[Case]:
    """Cases that wait begin first, so that the others fill their time; then the most severe; the rest is the seed's."""
    drawn = random.Random(seed).sample(chosen, len(chosen))
    return sorted(drawn, key=lambda case: (-case.expected(ics) if case.expected(ics) > 1 else 0, severity(case)))


def severity(case: Case) -> int:
    """0 for money, and so on."""
    return min(SEVERITIES.index(row.severity) for row in case.requirements)


def run_gateway_cases(
    ics: Ics, station: Station, chosen: Sequence[Case], *, seed: int = 1, progress: Progress = lambda *_: None
) -> RunResult:
    """Runs cases of a gateway that dials `station`, one after the other; destructive ones come last."""
    run = GatewayRun(ics, station, seed)
    out = RunResult(ics, seed, datetime.now(UTC))
    began = time.monotonic()
    for case in sorted(chosen, key=lambda case: case.destructive):
        if not station.connections:
            station.await_request(lambda one: one.command == CER, ics.timers.reconnect_seconds, len(station.received))
        if not station.connections:
            out.trouble = out.trouble or "the gateway is not connected"
            out.reachable = bool(out.results)
            break
        bench = GatewayBench(run, case.id, case.rows)
        started = time.monotonic()
        verdict, reason = judged(case, bench)
        _close(bench)
        result = CaseResult(
            case.id, case.rows, verdict, "open" if station.connections else "closed", bench.findings, reason,
            time.monotonic() - started, bench.trace,
        )  # fmt: skip
        out.results.append(result)
        out.watched[case.id] = watch(result.trace.records)
        progress(result, len(out.results), len(chosen))
    out.seconds = time.monotonic() - began
    return out


def judged(case: Case, bench: Bench | GatewayBench) -> tuple[Verdict, str]:
    """Runs the function of a case: its verdict, and the reason of one that is none."""
    try:
        case.function(bench)
    except Failed as failed:
        bench.findings.append(failed.finding)
    except Ended as ended:
        return ended.verdict, ended.reason
    except HookMissing as missing:
        return Verdict.N_A, str(missing)
    except HookFailed as failed_hook:
        return Verdict.ERROR, str(failed_hook)
    except (ConnectionError, TimeoutError) as error:
        seen = _unconnected(error)
        bench.findings.append(Finding(case.rows[0], Verdict.FAIL, "the SUT takes a connection", seen))
    except Exception:
        bench.trace.event(0, traceback.format_exc())
        return Verdict.ERROR, traceback.format_exc().strip().splitlines()[-1]
    plain = [finding.verdict for finding in bench.findings if finding.verdict is not Verdict.INFO]
    only = bool(bench.findings) and all(_records_only(row) for row in case.rows)
    return worst(plain or [Verdict.INFO if only else Verdict.PASS]), ""


def _unconnected(error: OSError) -> str:
    return f"{error}; {error.hint}" if isinstance(error, HandshakeFailed) else f"no TCP connection: {error}"


def run_case(run: Run, case: Case) -> CaseResult:
    """Runs one case of an OCS."""
    bench = Bench(run, case.id, case.rows)
    began = time.monotonic()
    verdict, reason = judged(case, bench)
    connection = _connection(bench)
    _close(bench)
    if case.destructive and (trouble := golden(run)) is not None:
        bench.findings.append(
            Finding(case.rows[0], Verdict.FAIL, "a golden session afterwards", f"SUT-HUNG: {trouble}")
        )
        verdict = Verdict.FAIL
        _restart(run)
    return CaseResult(
        case.id, case.rows, verdict, connection, bench.findings, reason, time.monotonic() - began, bench.trace
    )


def _connection(bench: Bench) -> Connection:
    """What became of the main connection."""
    line = bench.main_line
    if line is None:
        return "none"
    if line.closed:
        return "closed"
    reply = line.alive(bench.ics.timers.answer_seconds)
    if isinstance(reply, NoMessage):
        return "closed" if reply.how == "closed" else "hung"
    return "open"


def _close(bench: Bench | GatewayBench) -> None:
    try:
        bench.close()
    except Exception:  # cleaning up must not hide the verdict
        bench.trace.event(0, traceback.format_exc())


def golden(run: Run) -> Trouble | None:
    """A golden session on a new connection: what is wrong with it, if anything."""
    bench = Bench(run, "golden", ("ROB-3",))
    try:
        bench.open_line()
    except OSError as error:
        return Trouble(f"{run.ics.sut.address}: {_unconnected(error)}", reachable=False)
    except Ended as ended:
        _close(bench)
        return Trouble(ended.reason, reachable=False)
    try:
        trouble = golden_session(bench)
    except Ended as ended:
        trouble = Trouble(ended.reason)
    _close(bench)
    return trouble


def _restart(run: Run) -> bool:
    """Brings a hung SUT back, if the PIXIT says how, and waits for it; whether it is back."""
    if not run.hooks.has("restart"):
        return False
    try:
        run.hooks.call("restart")
    except HookFailed:
        return False
    deadline = time.monotonic() + 30
    while golden(run) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True
