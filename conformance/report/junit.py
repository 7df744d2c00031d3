"""The report as JUnit XML, for build servers."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from conformance.report.model import ReportModel

_FAILURES = {"FAIL"}
_SKIPPED = {"N-A", "INCONC", "INFO"}


def write_junit(report: ReportModel, path: Path) -> None:
    """One testcase per case, in a testsuite per area of its first requirement."""
    areas = {row.id: row.area for row in report.rows}
    suites = ElementTree.Element("testsuites", name=f"conformance of {report.sut}", time=f"{report.seconds:.1f}")
    by_area: dict[str, ElementTree.Element] = {}
    for case in report.cases:
        area = areas.get(case.rows[0], "OTHER")
        suite = by_area.get(area)
        if suite is None:
            suite = by_area[area] = ElementTree.SubElement(suites, "testsuite", name=area)
        element = ElementTree.SubElement(suite, "testcase", classname=area, name=case.id, time=f"{case.seconds:.3f}")
        texts = [f"{f.row}: expected {f.expected}; seen {f.seen}" for f in case.findings]
        if case.verdict in _FAILURES or (report.strict and case.verdict == "NON-STRICT"):
            ElementTree.SubElement(element, "failure", message=texts[-1] if texts else "").text = "\n".join(texts)
        elif case.verdict == "ERROR":
            ElementTree.SubElement(element, "error", message=case.reason)
        elif case.verdict in _SKIPPED:
            ElementTree.SubElement(element, "skipped", message=f"{case.verdict}: {case.reason or '; '.join(texts)}")
    for suite in by_area.values():
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
    ElementTree.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)
