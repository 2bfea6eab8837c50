"""Pictures of places that a network does not know are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from localization_common.errors import InputError
from vlocnet_ros import calibrate
from vlocnet_ros.backends.torch_backend import TorchBackend
from vlocnet_ros.checkpoint import Residuals, load_vlocnet
from vlocnet_ros.evaluate import evaluate
from vlocnet_ros.integrity.familiarity import least_familiar, require_familiar
from vlocnet_ros.integrity.tracking import TrackingConfig
from vlocnet_ros.localizer import Localizer

STEP = 200_000_000


def test_a_hundredth_of_the_held_out_frames_is_weaker_than_the_limit():
    features = np.random.default_rng(0).normal(size=(2000, 64)) + 1.0
    limit = least_familiar(features)
    refused = 0
    for one in features:
        try:
            require_familiar(one, limit)
        except InputError:
            refused += 1
    assert refused == 20
    with pytest.raises(InputError, match="no place that the network knows"):
        require_familiar(0.1 * features[0], limit)


def test_where_nothing_was_measured_nothing_is_refused():
    require_familiar(np.zeros(4), 0.0)
    require_familiar(None, 3.0)  # no pose stream
    assert least_familiar(np.zeros((0, 4))) == 0.0
    assert Residuals().familiarity == 0.0


class Estranged(TorchBackend):
    """Nearly no features for every bright picture."""

    def step(self, image, previous):
        features, prediction = super().step(image, previous)
        weak = 1e-6 if image.mean() > 200 else 1.0
        return features, prediction._replace(pose_features=weak * prediction.pose_features)


def test_the_localizer_refuses_and_is_as_before(tiny_checkpoint, wall_sequence):
    known = load_vlocnet(tiny_checkpoint)
    frames = [wall_sequence.read_image(i) for i in range(2)]
    strange = np.clip(frames[1] // 8 + np.uint8(215), 0, 255)
    found = {}
    for refused in (True, False):
        localizer = Localizer(replace(known, residuals=Residuals(familiarity=1e-2)), Estranged(known.network))
        localizer.set_camera(wall_sequence.camera)
        localizer.step(frames[0], STEP)
        if refused:
            with pytest.raises(InputError, match="no place"):
                localizer.step(strange, 2 * STEP)
        found[refused] = localizer.step(frames[1], 3 * STEP)
    np.testing.assert_array_equal(found[True].map_T_camera, found[False].map_T_camera)
    np.testing.assert_array_equal(found[True].previous_T_camera, found[False].previous_T_camera)


def test_calibration_measures_it(tiny_checkpoint, wall_sequence):
    evaluation = evaluate(tiny_checkpoint, [wall_sequence])
    _, residuals = calibrate.calibrated(evaluation, TrackingConfig())
    assert residuals.familiarity == least_familiar(evaluation.drives[0].features) > 0.0
