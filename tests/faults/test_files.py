"""What a file may say of faults, and every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ocs.files import FileError
from scenarios.loading import library, load

TEXT = library()["bad_day"].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("loss: 0.05", "loss: 5", "faults.link.loss: input should be less than or equal to 1"),
        ("delay: 1 s", "delay: 3 h", "faults.link.delay: input should be less than or equal to 60"),
        ("clock_skew: 10 min", "clock_skew: soon", "faults.clock_skew: expected a duration"),
        ("standby: true", "spare: true", "faults.spare: unknown field"),
        ("do: cut, for: 20 min", "do: cut", "timeline.0.cut.for: required field is missing"),
        ("do: cut, for: 20 min", "do: cut, for: 0", "timeline.0.cut.for: input should be greater than 0"),
        ('day: 3, at: "17:30"', 'day: 9, at: "17:30"', "timeline.6.day: expected a day from 1 to 3"),
        ('at: "12:00", do: restart_pgw', 'at: "12:00", do: restart_pgw, vehicle: code-001', "vehicle: unknown field"),
        (
            'at: "12:00", do: restart_pgw',
            'at: "12:00", do: sell, vehicle: code-001',
            "nobody would know whose the octets",
        ),
    ],
)
def test_a_mistake_is_told_with_its_field(tmp_path: Path, right: str, wrong: str, words: str) -> None:
    path = tmp_path / "wrong.yaml"
    assert right in TEXT
    path.write_text(TEXT.replace(right, wrong, 1))
    with pytest.raises(FileError) as refused:
        load(path)
    (mistake,) = refused.value.mistakes
    assert words in str(mistake)
