"""Calibration by replay: fits to drives, with predicted errors from other frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_drives import SPREAD, USUAL, drive, foggy, noisy

from integrity_scoring import ScoredDrive, consistency
from localization_common.metrics.pose_metrics import twist_errors
from vlocnet_ros.evaluation.calibration_replay import RegressedDrive, fit, with_recencies
from vlocnet_ros.runtime.integrity.pose_fusion import PoseFusion


def test_a_fit_holds_on_another_drive():
    """Use many features and few frames, so that predictions for the fitted frames are far too good."""
    fitted = fit([foggy(100, seed)[0] for seed in range(4)], with_recencies(USUAL))
    assert fitted.frame_error is not None
    assert fitted.uncertainty is not None
    assert fitted.poses.shape == (400, 4, 4)
    other, _ = foggy(500, 9)
    fusion = PoseFusion(SPREAD, fitted.uncertainty, fitted.tracking)
    expected = fitted.frame_error.logarithms(other.features)
    frames = zip(other.regressed, other.motions, other.stamps.tolist(), expected, strict=True)
    fused = [fusion.step(*frame) for frame in frames][20:]
    errors = twist_errors(np.stack([v.pose for v in fused]), other.map_T_camera[20:])
    answers = ScoredDrive(errors, np.stack([v.covariance for v in fused]), np.zeros(len(errors), bool))
    score = consistency(answers)
    assert score.nees == pytest.approx(6.0, rel=0.25)
    assert min(score.rank_m, score.rank_deg) > 0.5


def test_errors_of_frames_are_predicted_by_the_others():
    """Use features that identify each frame: they predict the frame itself, but no other one."""
    one, _ = foggy(100, 0)
    named = replace(one, features=np.eye(100))
    fitted = fit([named], [USUAL])
    assert fitted.frame_error is None
    fusion = PoseFusion(SPREAD, None, USUAL)
    plain = [fusion.step(*f).pose for f in zip(one.regressed, one.motions, one.stamps.tolist(), strict=True)]
    np.testing.assert_allclose(fitted.poses, np.stack(plain))


def drifting(metres: float, drift: float, seed: int) -> RegressedDrive:
    """Return a drive with errors of the poses and of the motions in metres."""
    one, rng = foggy(200, seed)[0], np.random.default_rng(seed)
    motion = drive(2)[1]
    motions = np.repeat(motion[None], 199, axis=0)
    motions[:, :3, 3] += rng.normal(0.0, drift, (199, 3))
    return replace(one, regressed=noisy(one.map_T_camera, metres, 0.01, seed), motions=(None, *motions))


def test_the_better_the_odometry_the_more_frames_are_joined():
    chosen = []
    for metres, drift in ((0.1, 0.001), (0.1, 0.01), (0.02, 0.1)):
        drives = [drifting(metres, drift, seed) for seed in range(2)]
        fitted = fit(drives, with_recencies(USUAL, (2.0, 40.0)))
        chosen.append(fitted.tracking.consensus.recency)
        kept = replace(USUAL, consensus=replace(USUAL.consensus, recency=chosen[-1]))
        np.testing.assert_array_equal(fitted.poses, fit(drives, [kept]).poses)
    assert chosen == [40.0, USUAL.consensus.recency, 2.0]


def test_without_motions_the_recency_does_not_change():
    one = foggy(100, 0)[0]
    assert fit([replace(one, motions=(None,) * 100)], with_recencies(USUAL)).tracking == USUAL
