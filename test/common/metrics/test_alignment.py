"""Alignment of trajectories: similarities are found exactly, unknown poses are not used."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from localization_common.errors import DatasetError
from localization_common.geometry import planar, se3
from localization_common.metrics.alignment import Alignment, align


def curve(count: int = 40) -> np.ndarray:
    """Poses (N, 4, 4) on a flat curve, as a robot drives."""
    angle = np.linspace(0.0, 4.0, count)
    return planar.to_se3(np.stack([3.0 * np.cos(angle), 2.0 * np.sin(angle), angle], axis=1))


def elsewhere() -> np.ndarray:
    map_T_truth = np.eye(4)
    map_T_truth[:3, :3] = Rotation.from_euler("xyz", [0.3, -0.2, 1.0]).as_matrix()
    map_T_truth[:3, 3] = (1.0, -2.0, 0.5)
    return map_T_truth


def test_poses_in_another_frame_are_moved_back() -> None:
    truth = curve()
    found = align(elsewhere() @ truth, truth)
    np.testing.assert_allclose(found.truth_T_estimated, se3.inverse(elsewhere()), atol=1e-9)
    np.testing.assert_allclose(found.applied(elsewhere() @ truth), truth, atol=1e-9)
    assert found.scale_error == 0.0


def test_a_map_that_is_too_large_has_a_positive_scale_error() -> None:
    truth = curve()
    large = truth.copy()
    large[:, :3, 3] *= 1.02
    found = align(elsewhere() @ large, truth, scaled=True)
    assert found.scale_error == pytest.approx(0.02)
    np.testing.assert_allclose(found.applied(elsewhere() @ large), truth, atol=1e-9)


def test_the_scale_of_a_rigid_alignment_stays_one() -> None:
    truth = curve()
    large = truth.copy()
    large[:, :3, 3] *= 1.02
    assert align(large, truth).scale == 1.0


def test_poses_that_either_does_not_have_are_not_used() -> None:
    truth, moved = curve(), elsewhere() @ curve()
    moved[3:9], truth[20] = np.nan, np.nan
    moved[20, 0, 3] += 100.0
    found = align(moved, truth)
    np.testing.assert_allclose(found.truth_T_estimated, se3.inverse(elsewhere()), atol=1e-9)
    assert np.isnan(found.applied(moved)[3:9]).any(axis=(1, 2)).all()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_poses_are_refused(count: int) -> None:
    with pytest.raises(DatasetError, match=f"{count} poses with a true pose cannot be aligned"):
        align(curve()[:count], curve()[:count])


def test_a_straight_line_is_refused() -> None:
    line = planar.to_se3(np.stack([0.3 * np.arange(9.0), 0.7 * np.arange(9.0), np.zeros(9)], axis=1))
    with pytest.raises(DatasetError, match="do not lie on one line"):
        align(line, line)


def test_applied_leaves_its_input_alone() -> None:
    poses = curve()
    Alignment(elsewhere(), 2.0).applied(poses)
    np.testing.assert_array_equal(poses, curve())
