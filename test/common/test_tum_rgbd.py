"""TUM RGB-D directories: what belongs together by its stamps, and what does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from localization_common.camera import Camera
from localization_common.datasets.tum_rgbd import CAMERAS, nearest_stamps, read_tum_rgbd
from localization_common.errors import DatasetError

from .conftest import picture, pose


def test_each_frame_takes_the_nearest_ground_truth_and_late_frames_are_left_out(tum: Path) -> None:
    sequence = read_tum_rgbd(tum)
    # Frames at 0, 33.3, 66.7, 100, 133.3, 166.7 ms; ground truth every 10 ms up to 110 ms: 133.3 is more than 20 off.
    assert sequence.frame_numbers.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(sequence.map_T_camera, [pose(n) for n in (0, 3, 7, 10)], atol=1e-6)
    assert sequence.stamps[0] == 1305031102175304000
    np.testing.assert_array_equal(sequence.read_image(2), picture(2))


def test_the_limit_is_settable(tum: Path) -> None:
    assert len(read_tum_rgbd(tum, max_difference_s=0.03)) == 5
    assert len(read_tum_rgbd(tum, max_difference_s=0.004)) == 4
    (tum / "groundtruth.txt").write_text("1305031000.0 0 0 0 0 0 0 1\n")
    with pytest.raises(DatasetError, match=r"none of 6 .* within 0\.0 s.*raise max_difference_s"):
        read_tum_rgbd(tum, max_difference_s=0.0)


def test_depth_within_the_limit_is_metres_and_else_unknown(tum: Path) -> None:
    sequence = read_tum_rgbd(tum)
    assert sequence.read_depth is not None
    depth = sequence.read_depth(1)
    assert np.isnan(depth[0, 0])
    assert (depth[1:] == 2.0).all()
    assert np.isnan(sequence.read_depth(2)).all()  # its depth is missing, the next is 21 ms away
    assert read_tum_rgbd(tum, max_difference_s=0.001).read_depth is None


def test_published_cameras_are_told_from_the_name(tum: Path) -> None:
    assert read_tum_rgbd(tum).camera == CAMERAS["freiburg3"]
    other = tum.rename(tum.with_name("my_office"))
    assert read_tum_rgbd(other).camera == Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
    mine = Camera(640, 480, 600.0, 600.0, 320.0, 240.0)
    assert read_tum_rgbd(other, camera=mine).camera == mine


def test_depth_may_be_absent_but_not_the_other_lists(tum: Path) -> None:
    (tum / "depth.txt").unlink()
    assert read_tum_rgbd(tum).read_depth is None
    (tum / "groundtruth.txt").unlink()
    with pytest.raises(DatasetError, match=r"groundtruth\.txt"):
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
