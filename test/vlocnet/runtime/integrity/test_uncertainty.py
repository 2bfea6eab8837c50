"""Covariances and their scores, on known errors."""

from __future__ import annotations

import numpy as np
import pytest
from made_drives import SPREAD, STEP, USUAL, drive, noisy, run

from integrity_scoring import ScoredDrive, consistency
from localization_common.errors import CheckpointError
from vlocnet_ros.runtime.integrity.consensus import Consensus, ConsensusConfig
from vlocnet_ros.runtime.integrity.pose_fusion import PoseFusion
from vlocnet_ros.runtime.integrity.uncertainty import Uncertainty, evidence
from vlocnet_ros.runtime.integrity.uncertainty_fit import fit_uncertainty


def scaled_drives(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return evidence (N, 6) and errors (N, 6) with scales that depend on the evidence."""
    rng = np.random.default_rng(seed)
    given = np.concatenate([np.ones((count, 1)), rng.normal(-2.0, 0.7, (count, 5))], axis=1)
    scale = np.exp(given @ np.array([0.5, 1.0, 0.0, 0.0, 0.0, 0.0]))
    turn = np.exp(given @ np.array([-1.0, 0.0, 0.0, 0.8, 0.0, 0.5]))
    scales = np.concatenate([np.repeat(scale[:, None], 3, 1), np.repeat(turn[:, None], 3, 1)], axis=1)
    return given, rng.normal(size=(count, 6)) * scales


def test_fitted_covariances_are_as_large_as_the_errors():
    uncertainty = fit_uncertainty(*scaled_drives(3000, 0))
    assert uncertainty is not None
    np.testing.assert_allclose(uncertainty.position[1:], [1.0, 0.0, 0.0, 0.0, 0.0], atol=0.1)
    np.testing.assert_allclose(uncertainty.rotation[1:], [0.0, 0.0, 0.8, 0.0, 0.5], atol=0.1)
    given, errors = scaled_drives(2000, 1)
    covariances = np.stack([uncertainty.covariance(one) for one in given])
    score = consistency(ScoredDrive(errors, covariances, np.zeros(len(errors), bool)))
    assert score.band[0] < score.nees < score.band[1]
    assert score.within == pytest.approx(0.95, abs=0.015)
    assert min(score.rank_m, score.rank_deg) > 0.5
    halved = consistency(ScoredDrive(errors, covariances / 2.0, np.zeros(len(errors), bool)))
    assert halved.nees == pytest.approx(2.0 * score.nees)
    assert halved.nees > halved.band[1]


def test_withheld_poses_and_correlated_errors_do_not_mislead_the_score():
    rng = np.random.default_rng(0)
    errors = np.repeat(rng.normal(size=(400, 6)), 10, axis=0)
    covariances = np.repeat(np.eye(6)[None], len(errors), axis=0)
    covariances[0] *= 1.01  # ranks need different values
    withheld = np.arange(len(errors)) >= 3000
    errors[withheld] *= 100.0
    score = consistency(ScoredDrive(errors, covariances, withheld))
    assert score.independent == pytest.approx(300, rel=0.15)
    assert score.band[0] < score.nees < score.band[1]
    assert score.band[1] - score.band[0] == pytest.approx(2 * 1.96 * np.sqrt(12 / 300), rel=0.15)


def test_constant_evidence_cannot_be_fitted():
    given, errors = scaled_drives(100, 0)
    assert fit_uncertainty(np.repeat(given[:1], 100, axis=0), errors) is None
    assert fit_uncertainty(given[:10], errors[:10]) is None


def test_covariances_follow_the_scatter_once_there_are_enough_poses():
    uncertainty = Uncertainty(
        (0.0, 1.0, *[0.0] * 4), (*[0.0] * 3, 1.0, 0.0, 0.0), tuple(map(tuple, np.eye(6).tolist()))
    )
    true, motion = drive(30)
    deviations = []
    for noise in (0.01, 0.08):
        fused = run(PoseFusion(SPREAD, uncertainty, USUAL), noisy(true, noise, noise / 4), motion)
        few = USUAL.restart - 1
        for one in fused[:few]:
            np.testing.assert_array_equal(one.covariance, SPREAD)
            assert one.evidence is None
        assert fused[few].evidence is not None
        deviations.append(np.sqrt(np.diag(fused[-1].covariance)))
    assert (deviations[1] > [2.5, 2.5, 2.5, 1.5, 1.5, 1.5] * deviations[0]).all()


def test_evidence_has_the_documented_entries():
    window = Consensus(ConsensusConfig())
    pose = np.eye(4)
    for i, x in enumerate((-0.02, 0.02) * 10):
        pose[0, 3] = x
        agreement = window.add(pose.copy(), None if i == 0 else np.eye(4), i * STEP, np.array([-2.0, -3.0]))
    widest, recent, angle = np.exp(evidence(agreement)[1:4]) - 0.01
    assert widest == pytest.approx(0.02, rel=0.05)
    assert recent == pytest.approx(0.02, rel=0.05)
    assert angle == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_array_equal(evidence(agreement)[4:], 0.0)  # the tracked frames have no predicted error
    np.testing.assert_allclose(evidence(window.latest())[4:], [-2.0, -3.0])


@pytest.mark.parametrize("shape", [np.zeros((6, 6)), np.eye(5), np.full((6, 6), np.nan)])
def test_an_impossible_uncertainty_is_refused(shape):
    with pytest.raises(CheckpointError, match="uncertainty"):
        Uncertainty((0.0,) * 6, (0.0,) * 6, tuple(map(tuple, shape.tolist())))
