"""Options of recordings: mount of the camera, and refused values."""

from __future__ import annotations

import numpy as np
import pytest

from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.summary import FRAMES, Finding, LeftOut, ReadingSummary
from localization_common.errors import ConfigError


def test_the_mount_is_that_of_a_camera_body() -> None:
    straight = RecordingOptions(mount=(0.3, 0.1, 0.2, 0.0, 0.0, 0.0)).base_T_camera
    assert straight is not None
    # A point 2 m in front of the lens (optical z) is 2 m further along the base's x.
    np.testing.assert_allclose(straight @ [0.0, 0.0, 2.0, 1.0], [2.3, 0.1, 0.2, 1.0], atol=1e-12)
    # To the right in the image is the base's -y; down in the image is its -z.
    np.testing.assert_allclose(straight @ [1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(straight @ [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, -1.0, 0.0], atol=1e-12)
    down = RecordingOptions(mount=(0.0, 0.0, 0.0, 0.0, 30.0, 0.0)).base_T_camera
    assert down is not None
    np.testing.assert_allclose(down @ [0.0, 0.0, 1.0, 0.0], [np.sqrt(0.75), 0.0, -0.5, 0.0], atol=1e-12)
    left = RecordingOptions(mount=(0.0, 0.0, 0.0, 0.0, 30.0, 90.0)).base_T_camera
    assert left is not None
    np.testing.assert_allclose(left @ [0.0, 0.0, 1.0, 0.0], [0.0, np.sqrt(0.75), -0.5, 0.0], atol=1e-12)
    assert RecordingOptions().base_T_camera is None


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match="mount"):
        RecordingOptions(mount=(0.0, 0.0, float("nan"), 0.0, 0.0, 0.0))
    for gap in (0.0, -1.0, float("inf")):
        with pytest.raises(ConfigError, match="max_pose_gap"):
            RecordingOptions(max_pose_gap=gap)


def test_poses_are_a_file_or_pseudo_ground_truth() -> None:
    assert RecordingOptions().pose_file is None
    assert RecordingOptions(poses="sfm").pose_file is None
    assert RecordingOptions(poses="none").pose_file is None
    assert str(RecordingOptions(poses="truth.txt").pose_file) == "truth.txt"


def test_a_summary_reads_as_lines_and_counts_frames() -> None:
    empty = ReadingSummary("drive (TUM RGB-D)")
    assert empty.text() == ""
    full = (
        empty.with_found(Finding("pictures", "9 in rgb.txt"))
        .with_assumed("the camera is freiburg1's, by the directory's name")
        .with_left_out(LeftOut(2, FRAMES, "the picture is missing", ("a.png", "b.png")), LeftOut(0, FRAMES, "nothing"))
        .with_left_out(LeftOut(5, "poses", "NaN", ("line 3", "line 4", "line 5", "line 6")))
    )
    assert full.text().splitlines() == [
        "drive (TUM RGB-D)",
        "  pictures: 9 in rgb.txt",
        "  assumed: the camera is freiburg1's, by the directory's name",
        "  left out: 2 frames: the picture is missing (a.png, b.png)",
        "  left out: 5 poses: NaN (line 3, line 4, line 5, ...)",
    ]
    assert full.frames_left_out == 2
    assert full.to_dict()["left_out"][0] == {
        "count": 2, "what": "frames", "reason": "the picture is missing", "examples": ("a.png", "b.png"),
    }  # fmt: skip
