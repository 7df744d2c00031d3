"""The house of the design: which room may import which, and what the charging engine may never do."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGINE = [path for room in ("charging", "balances", "rating") for path in sorted((ROOT / "ocs" / room).glob("*.py"))]
CLOCKS = {"now", "today", "utcnow", "time", "time_ns", "monotonic", "perf_counter", "process_time"}


def test_imports_point_one_way() -> None:
    run = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout


def offences(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Floats, true division, clocks: none may touch money, usage or a decision."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield line, f"the float {node.value}"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield line, "float"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            yield line, f"a clock: {ast.unparse(node.func)}"


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_engine_has_no_float_and_reads_no_clock(path: Path) -> None:
    found = [f"{path}:{line}: {what}" for line, what in offences(ast.parse(path.read_text(encoding="utf-8")))]
    assert found == []


def test_the_look_for_floats_and_clocks_finds_them() -> None:
    text = "a = 0.5\nb = float(a)\nc = datetime.now(UTC)\nd = time.time()\ne = 1 // 2\n"
    assert [line for line, _ in sorted(offences(ast.parse(text)))] == [1, 2, 3, 4]
