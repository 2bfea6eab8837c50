"""The benchmark of the mapping, on a few frames of a small drive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark_file import BenchmarkFile
from localization_common.datasets import open_sequence

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_a_quick_run_measures_maps_grids_localization_and_time(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/mapping.py", "--quick", "--work", str(tmp_path / "work")]
    command += ["--json", str(tmp_path / "mapping.json"), "--threads", "1"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=550, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (hidden,) = (tmp_path / "work" / "bags" / "quick").glob("train_00")
    assert not open_sequence(hidden).has_pose.any()
    file = BenchmarkFile.read(tmp_path / "mapping.json")
    assert [table.title for table in file.tables] == [
        "Maps", "Localization in the maps", "Occupancy grid and floor plan", "From the bag to a localized robot",
        "Started anywhere",
    ]  # fmt: skip
    row = file.runs["maps"]["train_00"]["as recorded"]
    assert row["frames"] == 61
    assert 0.0 < row["median_m"] < 0.02
    assert abs(row["scale_error"]) < 0.02
    points, depth = (file.runs["occupancy"][f"train_00, {name}"] for name in ("points alone", "with depth images"))
    assert 0.1 < points["iou"] < depth["iou"]
    assert depth["in_wall"] == 0
    for poses in ("refined poses", "keyframe localizer without a network"):
        found = file.runs["localization"]["train_00"][poses]
        assert found["answered"] > 0.1  # the test drive begins elsewhere
        assert found["wrong"] == 0
    starts = file.runs["starts"]["train_00"]
    assert starts["starts"] == 10
    assert starts["wrong"] == 0
    assert file.runs["time"]["features"] >= 0.0
    assert file.runs["time"]["first pose"] > 0.0
