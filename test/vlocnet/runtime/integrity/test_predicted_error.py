"""What features tell of a frame's error."""

from __future__ import annotations

import numpy as np
import pytest
from made_drives import SPREAD, USUAL, errors_of, foggy

from localization_common.errors import CheckpointError
from localization_common.metrics.pose_metrics import twist_errors
from vlocnet_ros.runtime.integrity.pose_fusion import PoseFusion
from vlocnet_ros.runtime.integrity.predicted_error import PredictedError, cross_validated_errors, fit_predicted_error


def test_features_tell_how_wrong_a_frame_is():
    known, _ = foggy(2000, 0)
    other, logarithms = foggy(400, 1)
    learned = fit_predicted_error(known.features, errors_of(known))
    said = learned.logarithms(other.features)
    for mine, true in zip(said.T, logarithms.T, strict=True):
        assert np.corrcoef(mine, true)[0, 1] > 0.95
    norms = np.linalg.norm(errors_of(other).reshape(-1, 2, 3), axis=2)
    np.testing.assert_allclose(said.mean(0), np.log(norms + np.array([0.02, 0.005])).mean(0), atol=0.1)
    assert learned.logarithms(np.full(31, 1e9)).max() == 5.0


@pytest.mark.parametrize("count", [1, 2, 7])
def test_what_features_do_not_tell_is_not_believed(count):
    drives = [foggy(400 // count, seed)[0] for seed in range(count)]
    features, errors = [one.features for one in drives], [errors_of(one) for one in drives]
    said = cross_validated_errors(features, errors)
    assert said is not None
    assert said.shape == (sum(map(len, errors)), 2)
    # Each by itself, a fit to these few frames would find something in the noise.
    assert cross_validated_errors([f[:, 1:] for f in features], errors) is None
    assert cross_validated_errors([features[0][:10]], [errors[0][:10]]) is None


def test_poses_that_may_be_wrong_count_less():
    one, logarithms = foggy(120, 3, period=5.0)
    off = []
    for expected in (logarithms, np.zeros_like(logarithms)):
        judge = PoseFusion(SPREAD, None, USUAL)
        frames = zip(one.regressed, one.motions, one.stamps.tolist(), expected, strict=True)
        off.append(twist_errors(np.stack([judge.step(*f).pose for f in frames]), one.map_T_camera))
    with_, without = (np.sqrt(np.mean(e[20:, :3] ** 2)) for e in off)
    assert with_ < 0.75 * without


@pytest.mark.parametrize(
    "wrong", [(((1.0,),), (0.0, 0.0)), (((1.0,), (1.0,)), (0.0,)), (((np.nan,), (1.0,)), (0.0, 0.0))]
)
def test_an_impossible_frame_error_is_refused(wrong):
    with pytest.raises(CheckpointError, match="frame error"):
        PredictedError(*wrong)
