"""Relative errors of odometry against evo and closed forms; integration of trajectories."""

from __future__ import annotations

import numpy as np
import pytest
from evo.core import metrics
from evo.core.trajectory import PosePath3D
from scipy.spatial.transform import Rotation

from localization_common.errors import DatasetError
from localization_common.geometry import planar
from localization_common.metrics import trajectories


def motion(forward: float, turn_deg: float) -> np.ndarray:
    return planar.to_se3(np.array([forward, 0.0, np.radians(turn_deg)]))


def winding(count: int = 120, seed: int = 0) -> np.ndarray:
    """Trajectory (N, 4, 4) in space with uneven steps of about 8 cm."""
    rng = np.random.default_rng(seed)
    steps = np.tile(np.eye(4), (count - 1, 1, 1))
    steps[:, :3, :3] = Rotation.from_rotvec(rng.normal(0, 0.05, (count - 1, 3))).as_matrix()
    steps[:, 0, 3] = rng.uniform(0.05, 0.11, count - 1)
    return trajectories.integrate(steps)


def relative(poses: np.ndarray) -> np.ndarray:
    return np.linalg.inv(poses[:-1]) @ poses[1:]


def relative_errors(estimated: np.ndarray, truth: np.ndarray, segment_m: float = 1.0) -> trajectories.RelativeErrors:
    """Errors of an unbroken drive."""
    pairs = np.stack([np.arange(len(truth) - 1), np.arange(1, len(truth))], axis=1)
    return trajectories.odometry_errors(relative(estimated), pairs, truth, segment_m=segment_m)


def noisy(motions: np.ndarray, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    error = np.tile(np.eye(4), (len(motions), 1, 1))
    error[:, :3, :3] = Rotation.from_rotvec(rng.normal(0, 0.01, (len(motions), 3))).as_matrix()
    error[:, :3, 3] = rng.normal(0, 0.005, (len(motions), 3))
    return motions @ error


def test_integration_undoes_differences() -> None:
    poses = winding()
    start = poses[7]
    np.testing.assert_allclose(trajectories.integrate(relative(poses), start), start @ poses, atol=1e-9)
    assert trajectories.integrate(np.zeros((0, 4, 4))).shape == (1, 4, 4)


def test_a_rectangle_of_four_turns_closes() -> None:
    poses = trajectories.integrate(np.stack([motion(length, 90.0) for length in (2.0, 1.0, 2.0, 1.0)]))
    np.testing.assert_allclose(poses[:, :2, 3], [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]], atol=1e-12)


def test_relative_errors_are_evos_divided_by_each_segments_length() -> None:
    truth = winding()
    estimated = trajectories.integrate(noisy(relative(truth)))
    errors = relative_errors(estimated, truth)
    paths = PosePath3D(poses_se3=list(truth)), PosePath3D(poses_se3=list(estimated))
    length = [
        np.linalg.norm(np.diff(truth[i : j + 1, :3, 3], axis=0), axis=1).sum()
        for i, j in zip(errors.first, errors.last, strict=True)
    ]
    assert len(length) > 80
    assert max(abs(np.array(length) - 1.0)) <= 0.1
    for relation, values, scale in (
        (metrics.PoseRelation.translation_part, errors.percent, 100.0),
        (metrics.PoseRelation.rotation_angle_deg, errors.deg_per_m, 1.0),
    ):
        metric = metrics.RPE(relation, 1.0, metrics.Unit.meters, 0.1, all_pairs=True, pairs_from_reference=True)
        metric.process_data(paths)
        assert metric.delta_ids == errors.last.tolist()
        np.testing.assert_allclose(values, scale * np.array(metric.error) / length, atol=1e-9)
    assert errors.mean_percent == pytest.approx(errors.percent.mean())


@pytest.mark.parametrize("segment_m", [0.5, 1.0, 2.0])
def test_a_scaled_straight_drive_in_closed_form(segment_m: float) -> None:
    truth = trajectories.integrate(np.stack([motion(0.08, 0.0)] * 60))
    estimated = trajectories.integrate(np.stack([motion(0.08 * 1.03, 0.0)] * 60))
    errors = relative_errors(estimated, truth, segment_m=segment_m)
    np.testing.assert_allclose(errors.percent, 3.0, atol=1e-6)
    np.testing.assert_allclose(errors.deg_per_m, 0.0, atol=1e-4)


def test_a_constant_turn_in_closed_form() -> None:
    truth = trajectories.integrate(np.stack([motion(0.1, 0.0)] * 50))
    estimated = trajectories.integrate(np.stack([motion(0.1, 0.2)] * 50))
    errors = relative_errors(estimated, truth)
    np.testing.assert_allclose(errors.deg_per_m, 2.0, atol=1e-6)
    # Ten steps of 0.1 m, each 0.2 degrees further round than the one before.
    end = sum(0.1 * np.exp(1j * np.radians(0.2 * k)) for k in range(10))
    np.testing.assert_allclose(errors.percent, 100 * abs(end - 1.0), atol=1e-6)


def test_odometry_over_gaps_is_measured_in_each_unbroken_stretch() -> None:
    truth = winding()
    motions = noisy(relative(truth))
    pairs = np.stack([np.arange(119), np.arange(1, 120)], axis=1)
    kept = np.delete(np.arange(119), [50, 51, 52])
    together = trajectories.odometry_errors(motions[kept], pairs[kept], truth)
    apart = [relative_errors(trajectories.integrate(motions[a : b - 1]), truth[a:b]) for a, b in ((0, 51), (53, 120))]
    np.testing.assert_allclose(together.percent, np.concatenate([e.percent for e in apart]), atol=1e-9)
    assert together.mean_percent == pytest.approx(trajectories.pooled(apart).mean_percent)
    assert ((together.last <= 50) | (together.first >= 53)).all()
    assert together.last.max() == 119


def test_a_stretch_ends_where_the_truth_is_not_known() -> None:
    truth = winding()
    motions = noisy(relative(truth))
    pairs = np.stack([np.arange(119), np.arange(1, 120)], axis=1)
    with_hole = truth.copy()
    with_hole[51:53] = np.nan
    found = trajectories.odometry_errors(motions, pairs, with_hole)
    kept = np.delete(np.arange(119), [50, 51, 52])
    expected = trajectories.odometry_errors(motions[kept], pairs[kept], truth)
    np.testing.assert_array_equal(found.percent, expected.percent)
    np.testing.assert_array_equal(found.first, expected.first)
    with pytest.raises(DatasetError, match="segment"):
        trajectories.odometry_errors(motions, pairs, np.full_like(truth, np.nan))


def test_stretches_of_pairs() -> None:
    pairs = np.array([[0, 1], [1, 2], [3, 4], [5, 6], [6, 7]])
    assert [r.tolist() for r in trajectories.runs(pairs)] == [[0, 1], [2], [3, 4]]
    assert trajectories.runs(np.zeros((0, 2), np.int64)) == []


def test_a_drive_without_segments_is_refused() -> None:
    still = np.tile(np.eye(4), (30, 1, 1))
    for truth, segment in (
        (still, 1.0),
        (winding(), 50.0),
        (trajectories.integrate(np.stack([motion(3, 0)] * 9)), 1.0),
    ):
        with pytest.raises(DatasetError, match="choose another segment length"):
            relative_errors(truth, truth, segment_m=segment)
    with pytest.raises(DatasetError, match="segment"):
        trajectories.odometry_errors(np.zeros((0, 4, 4)), np.zeros((0, 2), np.int64), still)
