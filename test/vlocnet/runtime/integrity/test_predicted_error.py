"""Predicted errors of frames, from features."""

from __future__ import annotations

import numpy as np
import pytest
from made_drives import SPREAD, USUAL, errors_of, foggy

from localization_common.errors import CheckpointError
from localization_common.metrics.pose_metrics import twist_errors
from vlocnet_ros.runtime.integrity.pose_fusion import PoseFusion
from vlocnet_ros.runtime.integrity.predicted_error import PredictedError, cross_validated_errors, fit_predicted_error


def test_features_predict_the_error_of_a_frame():
    known, _ = foggy(2000, 0)
    other, logarithms = foggy(400, 1)
    learned = fit_predicted_error(known.features, errors_of(known))
    predicted = learned.logarithms(other.features)
    for mine, true in zip(predicted.T, logarithms.T, strict=True):
        assert np.corrcoef(mine, true)[0, 1] > 0.95
    norms = np.linalg.norm(errors_of(other).reshape(-1, 2, 3), axis=2)
    np.testing.assert_allclose(predicted.mean(0), np.log(norms + np.array([0.02, 0.005])).mean(0), atol=0.1)
    assert learned.logarithms(np.full(31, 1e9)).max() == 5.0


@pytest.mark.parametrize("count", [1, 2, 7])
def test_features_without_information_predict_nothing(count):
    drives = [foggy(400 // count, seed)[0] for seed in range(count)]
    features, errors = [one.features for one in drives], [errors_of(one) for one in drives]
    predicted = cross_validated_errors(features, errors)
    assert predicted is not None
    assert predicted.shape == (sum(map(len, errors)), 2)
    # A fit to each of these few frames alone would find a pattern in the noise.
    assert cross_validated_errors([f[:, 1:] for f in features], errors) is None
    assert cross_validated_errors([features[0][:10]], [errors[0][:10]]) is None


def test_poses_with_a_large_predicted_error_have_less_weight():
    one, logarithms = foggy(120, 3, period=5.0)
    off = []
    for expected in (logarithms, np.zeros_like(logarithms)):
        fusion = PoseFusion(SPREAD, None, USUAL)
        frames = zip(one.regressed, one.motions, one.stamps.tolist(), expected, strict=True)
        off.append(twist_errors(np.stack([fusion.step(*f).pose for f in frames]), one.map_T_camera))
    with_, without = (np.sqrt(np.mean(e[20:, :3] ** 2)) for e in off)
    assert with_ < 0.75 * without


@pytest.mark.parametrize(
    "wrong", [(((1.0,),), (0.0, 0.0)), (((1.0,), (1.0,)), (0.0,)), (((np.nan,), (1.0,)), (0.0, 0.0))]
)
def test_an_impossible_predicted_error_is_refused(wrong):
    with pytest.raises(CheckpointError, match="predicted error"):
        PredictedError(*wrong)
