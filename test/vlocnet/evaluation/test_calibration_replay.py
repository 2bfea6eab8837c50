"""What is fitted to drives that are judged again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_drives import SPREAD, USUAL, drive, foggy, noisy

from integrity_scoring import Answers, consistency
from localization_common.metrics.pose_metrics import twist_errors
from vlocnet_ros.evaluation.calibration_replay import RegressedDrive, fit, with_recencies
from vlocnet_ros.runtime.integrity.pose_fusion import PoseFusion


def test_a_fit_holds_on_another_drive():
    """Many features and few frames: what the fit thinks of its own frames is far too good."""
    fitted = fit([foggy(100, seed)[0] for seed in range(4)], with_recencies(USUAL))
    assert fitted.frame_error is not None
    assert fitted.uncertainty is not None
    assert fitted.poses.shape == (400, 4, 4)
    other, _ = foggy(500, 9)
    judge = PoseFusion(SPREAD, fitted.uncertainty, fitted.tracking)
    expected = fitted.frame_error.logarithms(other.features)
    frames = zip(other.regressed, other.motions, other.stamps.tolist(), expected, strict=True)
    verdicts = [judge.step(*frame) for frame in frames][20:]
    errors = twist_errors(np.stack([v.pose for v in verdicts]), other.map_T_camera[20:])
    answers = Answers(errors, np.stack([v.covariance for v in verdicts]), np.zeros(len(errors), bool))
    score = consistency(answers)
    assert score.nees == pytest.approx(6.0, rel=0.25)
    assert min(score.rank_m, score.rank_deg) > 0.5


def test_frames_of_a_fit_are_judged_by_the_others():
    """A feature that names each frame is of no use to the others, and of all to the frame itself."""
    one, _ = foggy(100, 0)
    named = replace(one, features=np.eye(100))
    fitted = fit([named], [USUAL])
    assert fitted.frame_error is None
    judge = PoseFusion(SPREAD, None, USUAL)
    plain = [judge.step(*f).pose for f in zip(one.regressed, one.motions, one.stamps.tolist(), strict=True)]
    np.testing.assert_allclose(fitted.poses, np.stack(plain))


def drifting(metres: float, drift: float, seed: int) -> RegressedDrive:
    """A drive of poses that are off by some metres, and of motions that are off by others."""
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


def test_where_frames_are_not_joined_memory_stays_as_it_is():
    one = foggy(100, 0)[0]
    assert fit([replace(one, motions=(None,) * 100)], with_recencies(USUAL)).tracking == USUAL
