"""Poses of the previous frames, moved by the odometry."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic_views import cameras, small

from localization_common.keyframes.frame_correction import exponential
from localization_common.refinement.motion_history import Motion, MotionHistory
from localization_common.refinement.perturbation import difference, moved_by

POSE = cameras(1)[0]
COVARIANCE = np.diag([1e-4, 4e-4, 1e-4, 1e-4, 2e-4, 1e-4])
STEP = Motion(small(np.random.default_rng(0), 0.5, 20.0), np.diag([4e-4, 1e-4, 1e-4, 1e-4, 3e-4, 1e-4]))
STILL = Motion(np.eye(4), 1e-8 * np.eye(6))


def test_a_confirmed_pose_is_moved_by_the_odometry() -> None:
    history = MotionHistory()
    assert history.expected is None
    assert history.prior is None
    history.confirm(POSE, COVARIANCE)
    history.move(STEP)
    history.move(STEP)
    assert history.expected is not None
    np.testing.assert_allclose(history.expected[0], POSE @ STEP.previous_T_camera @ STEP.previous_T_camera)
    assert history.prior is not None
    np.testing.assert_allclose(history.prior.information @ history.expected[1], np.eye(6), atol=1e-9)


def test_covariance_is_propagated_as_errors_are() -> None:
    """Compare with four thousand draws of a pose and of a motion."""
    history = MotionHistory()
    history.confirm(POSE, COVARIANCE / 4.0)  # the history multiplies it by four
    history.move(STEP)
    assert history.expected is not None
    expected, covariance = history.expected
    rng = np.random.default_rng(1)
    starts = rng.multivariate_normal(np.zeros(6), COVARIANCE, 4000)
    steps = rng.multivariate_normal(np.zeros(6), STEP.covariance, 4000)
    errors = []
    for start, step in zip(starts, steps, strict=True):
        moved = np.eye(4)
        moved[:3, 3] = STEP.previous_T_camera[:3, 3] + step[:3]
        moved[:3, :3] = exponential(step)[:3, :3] @ STEP.previous_T_camera[:3, :3]
        errors.append(difference(moved_by(POSE, start) @ moved, expected))
    measured = np.cov(np.array(errors).T)
    size = np.sqrt(np.diag(measured))
    np.testing.assert_allclose(covariance / np.outer(size, size), measured / np.outer(size, size), atol=0.08)


def test_successive_poses_share_errors_and_have_less_weight() -> None:
    history = MotionHistory()
    history.confirm(POSE, COVARIANCE)
    assert history.expected is not None
    np.testing.assert_allclose(history.expected[1], 4.0 * COVARIANCE)


def test_a_pose_agrees_with_the_expected_one() -> None:
    history = MotionHistory()
    assert not history.agrees(POSE, gate=3.0)
    history.confirm(POSE, COVARIANCE)
    history.move(STEP)
    here = POSE @ STEP.previous_T_camera
    assert history.agrees(here, gate=3.0)
    assert history.agrees(moved_by(here, np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.0])), gate=3.0)
    assert not history.agrees(moved_by(here, np.array([0.7, 0.0, 0.0, 0.0, 0.0, 0.0])), gate=3.0)
    assert not history.agrees(moved_by(here, np.array([0.0, 0.0, 0.0, 0.0, 0.5, 0.0])), gate=3.0)
    assert not history.agrees(POSE, gate=1.0)


def test_consecutive_frames_that_agree_are_counted() -> None:
    history = MotionHistory()
    pose = POSE
    for frames in (1, 2, 3):
        assert history.count_elsewhere(pose) == frames
        history.move(STEP)
        pose = pose @ STEP.previous_T_camera
    assert history.count_elsewhere(moved_by(pose, np.array([0.2, 0.0, 0.0, 0.0, 0.0, 0.0]))) == 1
    history.move(STILL)
    assert (
        history.count_elsewhere(moved_by(pose, np.array([0.2, 0.0, 0.0, 0.0, 0.12, 0.0]))) == 1
    )  # turned by 7 degrees


@pytest.mark.parametrize("what", ["nowhere", "confirmed", "no motion", "reset"])
def test_the_count_starts_again(what: str) -> None:
    history = MotionHistory()
    history.count_elsewhere(POSE)
    history.move(STILL)
    assert history.count_elsewhere(POSE) == 2
    if what == "nowhere":
        history.forget_elsewhere()
    elif what == "confirmed":
        history.confirm(POSE, COVARIANCE)
    elif what == "no motion":
        history.move(None)
    else:
        history.reset()
    assert history.count_elsewhere(POSE) == 1


def test_an_uncertain_motion_allows_more_between_two_frames() -> None:
    apart = moved_by(POSE, np.array([0.3, 0.0, 0.0, 0.0, 0.2, 0.0]))
    for covariance, frames in ((STEP.covariance, 1), (np.diag([0.01] * 3 + [0.01] * 3), 2)):
        history = MotionHistory()
        history.count_elsewhere(POSE)
        history.move(Motion(np.eye(4), covariance))
        assert history.count_elsewhere(apart) == frames


def test_an_expected_pose_is_vague_after_uncertain_motions() -> None:
    history = MotionHistory()
    assert not history.vague
    history.confirm(POSE, COVARIANCE)
    assert not history.vague
    for _ in range(6):
        history.move(STEP)
    assert history.vague


def test_without_motion_nothing_is_expected() -> None:
    history = MotionHistory()
    history.confirm(POSE, COVARIANCE)
    history.move(None)
    assert history.expected is None
    assert not history.agrees(POSE, gate=3.0)
