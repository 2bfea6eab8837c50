"""Odometry that starts late, has a gap or comes at 1 Hz: it is used where it exists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bag_cases import along, images, mount, odometry, odometry_at, stamp, truth, write_bag

from localization_common.datasets.bags.reader import read_bag
from localization_common.datasets.sequence import Sequence

TRUTH = along(truth, np.arange(-0.2, 10.2, 0.1))


def read_with(tmp_path: Path, times: np.ndarray) -> Sequence:
    return read_bag(write_bag(tmp_path / "bag", [mount(), *along(odometry, times), *TRUTH, *images(50)]))


def require_odometry(read: Sequence, *, atol: float) -> None:
    """Assert that the odometry of a frame is that of its time."""
    assert read.odom_T_base is not None
    known = read.has_odometry
    expected = np.stack([odometry_at(float(t - stamp(0.0)) * 1e-9) for t in read.stamps[known]])
    np.testing.assert_allclose(read.odom_T_base[known], expected, atol=atol)


def test_odometry_that_starts_late_is_used_from_then_on(tmp_path: Path) -> None:
    read = read_with(tmp_path, np.arange(3.0, 10.2, 0.05))
    np.testing.assert_array_equal(read.has_odometry, read.stamps >= stamp(2.5))  # half a second is extrapolated
    require_odometry(read, atol=1e-4)
    assert "37 of 50 images have one" in read.summary.text()
    assert "extrapolated by up to 0.5 s for 2 images" in read.summary.text()


def test_a_hole_costs_the_frames_in_it_only(tmp_path: Path) -> None:
    read = read_with(tmp_path, np.r_[np.arange(-0.2, 3.01, 0.05), np.arange(7.0, 10.2, 0.05)])
    np.testing.assert_array_equal(read.has_odometry, (read.stamps <= stamp(3.0)) | (read.stamps >= stamp(7.0)))


def test_odometry_at_1_hz_is_interpolated_along_the_curve(tmp_path: Path) -> None:
    """Drive a curve: a straight line between two poses would be off by 1.5 cm in the middle of each second."""
    read = read_with(tmp_path, np.arange(0.0, 10.5, 1.0))
    assert read.has_odometry.all()
    require_odometry(read, atol=1e-6)


def test_one_odometry_message_is_not_extrapolated(tmp_path: Path) -> None:
    text = read_with(tmp_path, np.array([1.0])).summary.text()
    assert "1 of 50 images have one" in text
    assert "extrapolated" not in text
