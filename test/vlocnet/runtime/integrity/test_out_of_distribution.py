"""Poses of out-of-distribution frames are withheld."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from vlocnet_ros.commands import calibrate
from vlocnet_ros.commands.evaluate import evaluate
from vlocnet_ros.runtime.backends.torch_backend import TorchBackend
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.integrity.consensus import ConsensusConfig
from vlocnet_ros.runtime.integrity.out_of_distribution import FrameKind, OutOfDistributionCheck, least_feature_norm
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig
from vlocnet_ros.runtime.localizer import Localizer

STEP = 200_000_000


def test_a_hundredth_of_the_held_out_frames_is_weaker_than_the_limit():
    features = np.random.default_rng(0).normal(size=(2000, 64)) + 1.0
    limit = least_feature_norm(features)
    assert (np.linalg.norm(features, axis=1) < limit).sum() == 20
    assert least_feature_norm(np.zeros((0, 4))) == 0.0


def test_three_weak_frames_are_another_place_until_three_strong_ones_follow():
    familiarity = OutOfDistributionCheck(1.0)
    results = [
        familiarity.step(np.array([norm, 0.0]))[0] for norm in (2, 0.5, 2, 0.5, 0.5, 0.5, 0.5, 2, 0.5, 2, 2, 2, 2)
    ]
    known, doubtful, strange = FrameKind.IN_DISTRIBUTION, FrameKind.SUSPECT, FrameKind.OUT_OF_DISTRIBUTION
    assert results == [known, doubtful, known, doubtful, doubtful, *[strange] * 6, known, known]
    familiarity.step(np.zeros(2))
    assert "norm 0.0, usual is 1.0 at least" in familiarity.step(np.zeros(2))[1]
    familiarity.step(np.zeros(2))
    familiarity.reset()
    assert familiarity.step(np.ones(2)) == (known, "")


def test_without_a_limit_no_frame_is_out_of_distribution():
    assert Residuals().familiarity == 0.0
    assert {OutOfDistributionCheck(0.0).step(np.zeros(4))[0] for _ in range(5)} == {FrameKind.IN_DISTRIBUTION}
    familiarity = OutOfDistributionCheck(3.0)  # no pose stream
    assert {familiarity.step(None)[0] for _ in range(5)} == {FrameKind.IN_DISTRIBUTION}


class WeakFeatures(TorchBackend):
    """Network with very weak features for bright images."""

    def step(self, image, previous, labels):
        features, prediction = super().step(image, previous)
        weak = 1e-6 if image.mean() > 200 else 1.0
        return features, prediction._replace(pose_features=weak * prediction.pose_features)


@pytest.fixture
def estimate_all(tiny_checkpoint, wall_sequence) -> Callable[[list[np.ndarray]], list[Estimate]]:
    """Function that estimates images in turn, with a pose fusion that ignores contradictions."""
    known = load_vlocnet(tiny_checkpoint)
    joined = TrackingConfig(ConsensusConfig(metres=1e3, radians=1e3), agreement=1e3, patience=1e3, reach=1e3)

    def estimate_images(pictures: list[np.ndarray]) -> list[Estimate]:
        residuals = Residuals(familiarity=1e-2, tracking=joined)
        localizer = Localizer(replace(known, residuals=residuals), WeakFeatures(known.network))
        localizer.set_camera(wall_sequence.camera)
        return [localizer.step(picture, (i + 1) * STEP) for i, picture in enumerate(pictures)]

    return estimate_images


def test_poses_of_another_place_are_withheld(estimate_all, wall_sequence):
    frames = [wall_sequence.read_image(i) for i in range(8)]
    strange = [frame // 8 + np.uint8(215) for frame in frames]
    results = estimate_all([*frames[:2], strange[2], *frames[3:5], *strange[:4], *frames[:5]])
    withheld = [i for i, estimate in enumerate(results) if not estimate.health.published]
    assert withheld == [2, 5, 6, 7, 8, 9, 10]
    assert [i for i in withheld if results[i].health is Health.LOST] == [7, 8, 9, 10]  # the frames before may be chance
    assert all("out-of-distribution frame" in results[i].reason for i in withheld)


def test_after_another_place_earlier_poses_are_not_used(estimate_all, wall_sequence):
    frames = [wall_sequence.read_image(i) for i in range(8)]
    strange = [frame // 8 + np.uint8(215) for frame in frames]
    for between, same in (([strange[0]], False), (strange[:4], True)):
        one, other = (estimate_all([*before, *between, *frames[2:6]])[-1] for before in (frames[:2], frames[6:8]))
        assert np.array_equal(one.map_T_camera, other.map_T_camera) is same


def test_calibration_measures_the_limit(tiny_checkpoint, wall_sequence):
    evaluation = evaluate(tiny_checkpoint, [wall_sequence])
    _, residuals = calibrate.calibrated(evaluation, [TrackingConfig()])
    assert residuals.familiarity == least_feature_norm(evaluation.drives[0].pose_features) > 0.0
