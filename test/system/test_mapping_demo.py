"""The mapping demonstration: a short drive is recorded, mapped by the command, localized live and scored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from deep_localization.demo.mapping_demo_place import last_line
from localization_common.datasets import open_sequence
from localization_common.files.trajectory_files import read_tum
from localization_common.place import Place

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_demonstration_maps_without_truth_and_scores_in_the_frame_of_the_map(tmp_path: Path) -> None:
    pytest.importorskip("rclpy", reason="no ROS 2: the demonstration runs both nodes")
    words = ["--mapping-duration", "12", "--drive", "train_00", "--duration", "3", "--starts", "2"]
    size = ["--width", "160", "--height", "120", "--output", str(tmp_path)]
    command = [sys.executable, "-m", "deep_localization.demo.mapping_demo", *words, *size]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    recorded = open_sequence(tmp_path / "drives" / "train_00")
    assert len(recorded) == 61  # 12 s at 5 Hz, both ends
    assert not recorded.has_pose.any()
    place = Place.open(tmp_path / "place")
    assert place.description.scale.source == "wheel odometry"
    values = json.loads((tmp_path / "metrics.json").read_text())
    assert values["mapping"]["frames"] == 61
    assert values["mapping"]["located"] > 0.9
    assert 0.0 < values["mapping"]["median_m"] < 0.02
    assert values["mapping"]["scale_percent"] < 2.0
    assert values["mapping"]["seconds"] > 1.0
    # The robot of the live drive starts where the mapping drive did, which is the origin of the map.
    start = read_tum(tmp_path / "ground_truth.tum").poses[0]
    np.testing.assert_allclose(start, np.eye(4), atol=0.03)
    assert values["belief"]["median_m"] is None or values["belief"]["median_m"] < 1.0
    assert values["belief"]["success_rate"] in (0.0, 0.5, 1.0)
    assert (tmp_path / "report.html").stat().st_size > 500
    assert "Map, made without true poses" in done.stdout
    assert "localization_map: making " in done.stderr


@pytest.mark.slow
def test_a_command_that_fails_is_named_with_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deep_localization.demo.mapping_demo", "--output", str(tmp_path), "--rate", "-1"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1
    assert "localization_demo_mapping: apartment_record ended with exit status 2" in done.stderr


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", ""),
        ("reading\nfeatures\n", "features"),
        ("features:  10%|#  \rfeatures:  20%|## \r", "features:  20%|##"),
        ("matching\n\n  \n", "matching"),
    ],
)
def test_the_last_line_of_a_log_is_the_present_state(tmp_path: Path, content: str, line: str) -> None:
    (tmp_path / "log").write_text(content)
    assert last_line(tmp_path / "log") == line
