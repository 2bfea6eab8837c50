"""Tests of stored results of a benchmark's runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import kept_runs


def test_a_result_is_stored_for_its_command_only(tmp_path: Path) -> None:
    result = tmp_path / "run.json"
    command = kept_runs.portable([sys.executable, "-m", "train", f"{tmp_path}/data", "--steps", "3"], tmp_path)
    beside, elsewhere = f"{tmp_path.parent}/shared", f"/mnt{tmp_path.parent}/shared"
    assert kept_runs.portable(["", beside, elsewhere], tmp_path) == f"../shared {elsewhere}"
    assert command == "-m train data --steps 3"
    assert kept_runs.stored(result, command) is None
    values = kept_runs.store(result, command, {"error": 0.5})
    assert values == kept_runs.stored(result, command) == {"error": 0.5, "command": command}
    assert kept_runs.stored(result, f"{command}0") is None


def test_a_command_runs_on_one_core_in_its_folder_and_its_failure_ends_all(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "import os; print(os.environ['OMP_NUM_THREADS'], os.getcwd())"
    for _ in range(2):
        kept_runs.run([sys.executable, "-c", script], log, tmp_path)
    assert log.read_text() == 2 * f"1 {tmp_path}\n"
    with pytest.raises(SystemExit, match=r"failed: see .*log"):
        kept_runs.run([sys.executable, "-c", "raise SystemExit(3)"], log, tmp_path)
