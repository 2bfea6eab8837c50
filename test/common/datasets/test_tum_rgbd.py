"""Directories of TUM RGB-D: pictures, depth and poses belong together by their stamps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_frames import picture, pose

from localization_common.camera import Camera
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.tum_rgbd import CAMERAS, nearest_stamps, read_tum_rgbd
from localization_common.errors import DatasetError


def test_each_frame_takes_the_nearest_ground_truth_and_late_frames_have_no_pose(tum: Path) -> None:
    sequence = read_tum_rgbd(tum)
    # Frames at 0, 33.3, 66.7, 100, 133.3, 166.7 ms; ground truth every 10 ms up to 110 ms: 133.3 is more than 20 off.
    assert sequence.frame_numbers.tolist() == [0, 1, 2, 3, 4, 5]
    assert sequence.has_pose.tolist() == [True, True, True, True, False, False]
    np.testing.assert_allclose(sequence.with_poses().map_T_camera, [pose(n) for n in (0, 3, 7, 10)], atol=1e-6)
    assert sequence.stamps[0] == 1305031102175304000
    np.testing.assert_array_equal(sequence.read_image(2), picture(2))
    assert "2 frames have no pose within 0.02 s" in sequence.summary.text()


def test_the_ground_truth_is_interpolated_if_the_user_gives_the_longest_gap(tum: Path) -> None:
    lines = (tum / "groundtruth.txt").read_text().splitlines()
    (tum / "groundtruth.txt").write_text("\n".join([*lines[:2], lines[7]]) + "\n")  # at 0 and 60 ms only
    assert read_tum_rgbd(tum).has_pose.tolist() == [True, False, True, False, False, False]
    sequence = read_tum_rgbd(tum, RecordingOptions(max_pose_gap=0.1))
    assert sequence.has_pose.tolist() == [True, True, False, False, False, False]
    between = pose(0)[:3, 3] + (pose(6)[:3, 3] - pose(0)[:3, 3]) * 33.333 / 60.0
    np.testing.assert_allclose(sequence.map_T_camera[1, :3, 3], between, atol=1e-4)
    assert not read_tum_rgbd(tum, RecordingOptions(max_pose_gap=0.05)).has_pose[1:].any()


def test_depth_within_the_limit_is_metres_and_else_unknown(tum: Path) -> None:
    sequence = read_tum_rgbd(tum)
    assert sequence.read_depth is not None
    depth = sequence.read_depth(1)
    assert np.isnan(depth[0, 0])
    assert (depth[1:] == 2.0).all()
    assert np.isnan(sequence.read_depth(2)).all()  # its depth is missing, the next is 21 ms away


def test_published_cameras_are_recognised_by_the_name_and_reported(tum: Path, tmp_path: Path) -> None:
    published = read_tum_rgbd(tum)
    assert published.camera == CAMERAS["freiburg3"]
    assert "assumed: camera 640x480, fx 535.4, fy 539.2: published for freiburg3" in published.summary.text()
    other = tum.rename(tum.with_name("my_office"))
    assert read_tum_rgbd(other).camera == Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
    assert "assumed: camera 640x480, fx 525.0" in read_tum_rgbd(other).summary.text()
    matrix = tmp_path / "k.txt"
    matrix.write_text("600 0 320\n0 600 240\n0 0 1\n")
    mine = read_tum_rgbd(other, RecordingOptions(camera=matrix))
    assert mine.camera == Camera(640, 480, 600.0, 600.0, 320.0, 240.0)
    assert "assumed: camera" not in mine.summary.text()


def test_depth_and_ground_truth_may_be_absent_but_not_the_list_of_pictures(tum: Path) -> None:
    (tum / "depth.txt").unlink()
    assert read_tum_rgbd(tum).read_depth is None
    (tum / "groundtruth.txt").unlink()
    without = read_tum_rgbd(tum)
    assert len(without) == 6
    assert not without.has_pose.any()
    assert "groundtruth.txt is absent; --poses FILE" in without.summary.text()
    (tum / "rgb.txt").unlink()
    with pytest.raises(DatasetError, match=r"rgb\.txt: no such file"):
        read_tum_rgbd(tum)


@pytest.mark.parametrize("line", ["abc rgb/x.png", "1305031102.2"])
def test_malformed_lines_are_named(tum: Path, line: str) -> None:
    with (tum / "rgb.txt").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(DatasetError, match=r"rgb\.txt:9.*stamp filename"):
        read_tum_rgbd(tum)


@pytest.mark.parametrize("count", [1, 2, 30])
def test_nearest_stamps_are_those_of_exhaustive_search(count: int) -> None:
    rng = np.random.default_rng(count)
    candidates = np.sort(rng.choice(10_000, count, replace=False)).astype(np.int64)
    stamps = np.sort(rng.choice(12_000, 200, replace=False)).astype(np.int64) - 1000
    nearest, difference = nearest_stamps(stamps, candidates)
    table = np.abs(stamps[:, None] - candidates)
    np.testing.assert_array_equal(difference, table.min(1))
    np.testing.assert_array_equal(table[np.arange(200), nearest], table.min(1))
