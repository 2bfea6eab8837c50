"""Mutated recordings: no traceback, no hang, bounded memory, and never a silent change.

``FUZZ_RECORDINGS=20000`` reads more of them, ``FUZZ_SEED=5000`` begins at another seed, and both with
``FUZZ_RECORDINGS=1`` read one.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from fuzzing import Fuzzer

COUNT = int(os.environ.get("FUZZ_RECORDINGS", "2000"))
FIRST = int(os.environ.get("FUZZ_SEED", "0"))
#: Peak memory in megabytes for all mutants, over the peak for a few of them.
MEMORY = 300
#: Share of the mutants that must be opened: the parts without damage are read.
OPENED = 0.5


def peak_memory(*, reset: bool = False) -> float:
    """Peak memory of this process in megabytes."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.slow
@pytest.mark.timeout(max(300, COUNT // 5))
def test_no_damage_to_a_recording_goes_unnoticed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "fuzz"
    folder.mkdir()
    fuzzer = Fuzzer(folder)
    for seed in range(30):
        fuzzer.run(seed)
    before = peak_memory(reset=True)
    failures, opened = [], 0
    for seed in range(FIRST, FIRST + COUNT):
        outcome = fuzzer.run(seed)
        opened += outcome.opened
        if outcome.faults:
            kept = tmp_path / f"seed-{seed}{outcome.path.suffix}"
            (shutil.copytree if outcome.path.is_dir() else shutil.copy)(outcome.path, kept)
            again = f"FUZZ_SEED={seed} FUZZ_RECORDINGS=1 pytest {Path(__file__).name}"
            failures.append("\n  ".join([f"{outcome.what}; {kept}; again: {again}", *outcome.faults]))
    assert not failures, f"{len(failures)} of {COUNT}:\n" + "\n".join(failures[:5])
    assert peak_memory() - before < MEMORY
    assert opened >= OPENED * COUNT or COUNT < 100
    assert len(capfd.readouterr().err) < COUNT, "libraries write to the terminal"
