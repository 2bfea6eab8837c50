"""Tests with hostile files, a part of the cases of the command `hostile.py`: refused at once, or used rightly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hostile import LONGEST, MEGABYTES, SECONDS, Reader, judged, run
from hostile_case import Case, Seed
from hostile_seeds import make_seeds

#: Damage that takes long to write, and that the command alone makes.
_LARGE = (
    *("100 MB", "gzip bomb", "zip bomb", "150 MB", "256 MB", "1 GB", "2 GB", "10 million", "millions", "8000", "7000"),
)
#: One of so many of the other cases is run; the command runs all.
_EACH = 4


@pytest.mark.slow
def test_hostile_files_are_refused_at_once_or_used_rightly(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    seeds = list(make_seeds(tmp_path / "seeds"))
    cases = [case for seed in seeds for case in seed.cases if not any(text in case.damage_name for text in _LARGE)]
    outcomes = list(run(seeds, cases[::_EACH], tmp_path))
    faults = [f"{outcome.case.name}: {outcome.fault}" for outcome in outcomes if outcome.fault]
    assert not faults, f"{len(faults)} of {len(outcomes)}:\n" + "\n".join(faults[:10])
    counts = Counter(outcome.kind for outcome in outcomes)
    assert len(outcomes) >= 300
    assert counts["refused"] > 0.6 * len(outcomes)
    assert counts["used"] > 0  # a reader that refuses everything is none


def test_a_process_that_ends_is_a_fault(tmp_path: Path) -> None:
    reader = Reader()
    try:
        assert "the process ended with 1" in reader.ask("no such reader", tmp_path)["fault"]
    finally:
        reader.close()


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({"refused": "PATH: too large"}, ""),
        ({"refused": "too large"}, "does not name the file"),
        ({"refused": "PATH" + "x" * LONGEST}, "characters, or unprintable ones"),
        ({"refused": "PATH\x1b[2J"}, "characters, or unprintable ones"),
        ({"refused": "PATH", "seconds": SECONDS + 0.1}, "took 1.1 s"),
        ({"refused": "PATH", "megabytes": MEGABYTES + 1.0}, "took 201 MB"),
        ({"used": True, "seconds": 60.0}, ""),
        ({"fault": "Traceback"}, "Traceback"),
    ],
)
def test_what_counts_as_a_fault(tmp_path: Path, answer: dict[str, object], fault: str) -> None:
    case = Case(Seed("camera", tmp_path, "camera.yaml"), "damage", lambda path: None)
    values = {key: str(value).replace("PATH", str(tmp_path)) for key, value in answer.items() if key == "refused"}
    found = judged(case, tmp_path, {"seconds": 0.1, "megabytes": 1.0, **answer, **values})
    assert fault in found.fault
    assert bool(fault) == bool(found.fault)
