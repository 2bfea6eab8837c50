"""Localizer: equal to the network on pairs, with correct health, and unchanged by bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from tiny_networks import HEIGHT, WIDTH, make_config

from localization_common.camera import Camera
from localization_common.errors import CameraError, CheckpointError, ConfigError, InputError
from localization_common.geometry import se3
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet, save_vlocnet
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.integrity.consensus import ConsensusConfig
from vlocnet_ros.runtime.integrity.predicted_error import PredictedError
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig
from vlocnet_ros.runtime.localizer import MAX_GAP, Localizer

SECOND = 1_000_000_000


@pytest.fixture
def localizer(tiny_checkpoint) -> Localizer:
    made = Localizer.from_checkpoint(tiny_checkpoint)
    made.set_camera(Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0))
    return made


@pytest.fixture
def frames() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (5, 12, 16, 3), dtype=np.uint8)
    return [image.repeat(8, 0).repeat(8, 1) for image in small]


def same(a, b) -> bool:
    return np.array_equal(a.map_T_camera, b.map_T_camera) and np.array_equal(a.labels, b.labels)


def test_stream_equals_the_network_on_pairs(localizer, tiny_checkpoint, frames):
    estimates = [localizer.step(frame, i * SECOND // 10) for i, frame in enumerate(frames)]
    network = load_vlocnet(tiny_checkpoint).network
    adapted = torch.stack([torch.from_numpy(localizer._adapter(f)).permute(2, 0, 1).float() / 255.0 for f in frames])
    with torch.inference_mode():
        pairs = network(adapted[:-1], adapted[1:])
        first = network(adapted[:1], adapted[:1])
    assert estimates[0].previous_T_camera is None
    np.testing.assert_allclose(estimates[0].map_T_camera[:3, 3], first.translation[0], atol=1e-5)
    for i, estimate in enumerate(estimates[1:]):
        np.testing.assert_allclose(estimate.regressed_T_camera[:3, 3], pairs.translation[i], atol=1e-5)
        motion = se3.from_parts(pairs.relative_translation[i], pairs.relative_quaternion[i])
        np.testing.assert_allclose(estimate.previous_T_camera, motion, atol=1e-5)
        assert (estimate.labels == pairs.logits[i].argmax(0).numpy()).mean() > 0.999


def test_each_frame_is_encoded_once(localizer, frames, monkeypatch):
    calls = []
    network = localizer._backend.network
    encode = network.encode
    monkeypatch.setattr(network, "encode", lambda x: calls.append(1) or encode(x))
    for i, frame in enumerate(frames):
        localizer.step(frame, i * SECOND // 10)
    assert len(calls) == len(frames)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((2 * HEIGHT, 2 * WIDTH, 3), np.uint8),
        np.full((2 * HEIGHT, 2 * WIDTH, 3), 255, np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((2 * HEIGHT, 2 * WIDTH), np.uint8),
        np.full((2 * HEIGHT, 2 * WIDTH, 3), np.nan, np.float32),
    ],
    ids=["black", "white", "empty", "grey", "nan"],
)
def test_a_bad_image_is_refused_and_does_not_change_the_state(localizer, tiny_checkpoint, frames, bad):
    untouched = Localizer.from_checkpoint(tiny_checkpoint)
    untouched.set_camera(Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0))
    for one in (localizer, untouched):
        one.step(frames[0], SECOND)
    with pytest.raises(InputError):
        localizer.step(bad, SECOND + SECOND // 10)
    stamp = SECOND + SECOND // 5
    assert same(localizer.step(frames[1], stamp), untouched.step(frames[1], stamp))


def test_an_image_of_another_size_is_refused(localizer, frames):
    localizer.step(frames[0], 1)
    with pytest.raises(CameraError, match="64x48"):
        localizer.step(frames[1][:HEIGHT, :WIDTH], SECOND // 10)
    assert localizer.step(frames[1], SECOND // 5).previous_T_camera is not None


@pytest.mark.parametrize("stamp", [SECOND - 1, SECOND, SECOND + MAX_GAP + 1], ids=["back", "same", "gap"])
def test_a_clock_that_jumps_starts_a_new_pair(localizer, tiny_checkpoint, frames, stamp):
    localizer.step(frames[0], SECOND)
    after = localizer.step(frames[1], stamp)
    assert after.previous_T_camera is None
    assert after.consistency is None
    fresh = Localizer.from_checkpoint(tiny_checkpoint)
    fresh.set_camera(Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0))
    assert same(after, fresh.step(frames[1], stamp))


def test_reset_forgets_the_previous_frame(localizer, frames):
    localizer.step(frames[0], SECOND)
    localizer.reset()
    assert localizer.step(frames[1], SECOND + 1).previous_T_camera is None


def test_without_a_camera_nothing_is_estimated(tiny_checkpoint, frames):
    localizer = Localizer.from_checkpoint(tiny_checkpoint)
    with pytest.raises(CameraError, match="set_camera"):
        localizer.step(frames[0], 1)


def test_a_narrow_camera_is_refused_and_the_old_one_stays(localizer, frames):
    with pytest.raises(CameraError, match="wider"):
        localizer.set_camera(Camera.from_field_of_view(640, 480, 40.0))
    assert localizer.step(frames[0], 1).stamp == 1


def test_another_resolution_of_the_same_camera_gives_nearly_the_same(localizer, tiny_checkpoint):
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    small, large = (coarse.repeat(f, 0).repeat(f, 1) for f in (16, 64))
    a = localizer.step(small, 1)
    localizer.set_camera(Camera.from_field_of_view(large.shape[1], large.shape[0], 90.0))
    b = localizer.step(large, 1)
    np.testing.assert_allclose(a.map_T_camera, b.map_T_camera, atol=0.05)


def test_consistency_is_the_difference_of_poses_against_odometry(localizer, frames):
    a, b = (localizer.step(frame, (i + 1) * SECOND // 10) for i, frame in enumerate(frames[:2]))
    left = se3.inverse(a.regressed_T_camera) @ b.regressed_T_camera
    rotated = a.regressed_T_camera[:3, :3] @ (left[:3, 3] - b.previous_T_camera[:3, 3])
    assert b.consistency[0] == pytest.approx(np.linalg.norm(rotated), abs=1e-9)
    turned = se3.rotation_angle(b.previous_T_camera[:3, :3].T @ left[:3, :3])
    assert b.consistency[1] == pytest.approx(float(turned), abs=1e-9)


@pytest.mark.parametrize("fuse", [True, False])
def test_a_pose_that_contradicts_the_odometry_is_uncertain(tmp_path, tiny_network, frames, fuse):
    path, small = tmp_path / "a.safetensors", [f[::2, ::2] for f in frames]
    strict = TrackingConfig(agreement=1e-6, patience=0.3, reach=1e6, coherence=1e-9)
    save_vlocnet(path, tiny_network, residuals=Residuals(tracking=strict))
    localizer = Localizer.from_checkpoint(path, fuse=fuse)
    localizer.set_camera(localizer.camera)
    estimates = [localizer.step(frame, (i + 1) * SECOND // 10) for i, frame in enumerate(small)]
    assert [e.health for e in estimates] == [Health.OK] + 4 * [Health.LOST]
    assert fuse or all(np.array_equal(e.map_T_camera, e.regressed_T_camera) for e in estimates)
    assert "odometry" in estimates[3].reason
    np.testing.assert_allclose(estimates[0].covariance, Residuals().pose)


def test_frames_with_a_large_predicted_error_have_less_weight(tmp_path, tiny_network, frames):
    """Predict large errors for all frames of the window but one: the result is that one, moved by the odometry."""
    plain = tmp_path / "plain.safetensors"
    save_vlocnet(plain, tiny_network)
    first = stream(plain, frames)
    features = np.stack([one.pose_features for one in first])
    assert features.shape == (5, tiny_network.config.fc)
    with torch.inference_mode():
        network = load_vlocnet(plain).network
        found = [network.pose.regressor.fc2(torch.from_numpy(f)) for f in features]
    regressed = np.stack([one.regressed_T_camera[:3, 3] for one in first])
    np.testing.assert_allclose(np.stack(found), regressed, atol=1e-5)
    slopes, *_ = np.linalg.lstsq(np.column_stack([features, np.ones(5)]), [3.0, 3.0, -9.0, 3.0, 3.0], rcond=None)
    error = PredictedError((tuple(slopes[:-1]), tuple(slopes[:-1])), (slopes[-1], slopes[-1]))
    path = tmp_path / "weighted.safetensors"
    save_vlocnet(path, tiny_network, residuals=Residuals(frame_error=error, tracking=first_and_last_alike()))
    last = stream(path, frames)[-1]
    carried = first[2].regressed_T_camera @ first[3].previous_T_camera @ first[4].previous_T_camera
    np.testing.assert_allclose(last.map_T_camera, carried, atol=1e-3)


def first_and_last_alike() -> TrackingConfig:
    return TrackingConfig(ConsensusConfig(recency=1e6, metres=1e6, radians=1e6, spacing=0))


def stream(path, frames) -> list[Estimate]:
    localizer = Localizer.from_checkpoint(path)
    localizer.set_camera(Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0))
    return [localizer.step(frame, i * SECOND // 10) for i, frame in enumerate(frames)]


def test_a_stopped_camera_is_refused_and_then_a_new_pair_starts(tiny_checkpoint, frames):
    localizer = Localizer.from_checkpoint(tiny_checkpoint, frozen_after=SECOND // 5)
    localizer.set_camera(Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0))
    for i in range(3):
        localizer.step(frames[0], (i + 1) * SECOND // 10)
    for i in (3, 4):
        with pytest.raises(InputError, match="same picture"):
            localizer.step(frames[0], (i + 1) * SECOND // 10)
    assert localizer.step(frames[1], 6 * SECOND // 10).previous_T_camera is None
    assert localizer.step(frames[2], 7 * SECOND // 10).previous_T_camera is not None


def test_labels_are_mapped_to_the_cameras_image(localizer, frames):
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:, WIDTH // 2 :] = 2
    full = localizer.labels_in_image(labels)
    assert full.shape == (2 * HEIGHT, 2 * WIDTH)
    assert (full[:, : WIDTH - 1] == 0).mean() > 0.97
    assert (full[:, WIDTH + 1 :] == 2).mean() > 0.95


def test_labels_are_unknown_outside_the_networks_view(tiny_checkpoint):
    localizer = Localizer.from_checkpoint(tiny_checkpoint)
    localizer.set_camera(Camera.from_field_of_view(640, 320, 130.0))
    full = localizer.labels_in_image(np.ones((HEIGHT, WIDTH), np.uint8))
    assert (full[:, 0] == 255).all()
    assert full[160, 320] == 1
    heat = localizer.labels_in_image(np.ones((HEIGHT, WIDTH), np.float32), fill=0)
    assert (heat[:, 0].max(), heat[160, 320], heat.dtype) == (0.0, 1.0, np.float32)


def test_confidence_is_the_probability_of_the_label(localizer, frames):
    estimate = localizer.step(frames[0], 1)
    assert estimate.label_confidence.min() >= 255 // 3  # the largest of three
    assert estimate.label_confidence.dtype == np.uint8


def test_a_network_with_odometry_only_does_dead_reckoning(tmp_path, frames):
    network = VLocNet(make_config(tasks=Tasks(pose=False, segmentation=False, depth=False))).eval()
    save_vlocnet(tmp_path / "o.safetensors", network)
    localizer = Localizer.from_checkpoint(tmp_path / "o.safetensors")
    localizer.set_camera(localizer.camera)
    estimates = [localizer.step(frame[::2, ::2], (i + 1) * SECOND // 10) for i, frame in enumerate(frames)]
    pose = np.eye(4)
    for estimate in estimates[1:]:
        pose = pose @ estimate.previous_T_camera
    np.testing.assert_allclose(estimates[-1].map_T_camera, pose, atol=1e-9)
    traces = [np.trace(e.covariance) for e in estimates]
    assert all(a < b for a, b in itertools.pairwise(traces))
    assert estimates[0].labels is None


def test_half_precision_stays_close(tiny_checkpoint, frames):
    whole, half = (Localizer.from_checkpoint(tiny_checkpoint, half=h) for h in (False, True))
    for one in (whole, half):
        one.set_camera(Camera.from_field_of_view(2 * WIDTH, 2 * HEIGHT, 90.0))
    a, b = (one.step(frames[0], 1).map_T_camera for one in (whole, half))
    np.testing.assert_allclose(a, b, atol=0.2)
    assert not np.array_equal(a, b)


def test_unusable_device_and_threads_are_named(tiny_checkpoint):
    with pytest.raises(ConfigError, match="teapot"):
        Localizer.from_checkpoint(tiny_checkpoint, device="teapot")
    with pytest.raises(ConfigError, match="threads"):
        Localizer.from_checkpoint(tiny_checkpoint, threads=0)
    with pytest.raises(CheckpointError):
        Localizer.from_checkpoint("absent.safetensors")


def test_timings_are_returned(localizer, frames):
    timings = localizer.step(frames[0], 1).timings
    assert set(timings) == {"prepare", "network", "align", "finish", "total"}
    assert timings["total"] >= timings["network"] > 0


def test_labels_are_computed_only_if_they_are_wanted(localizer, frames):
    assert localizer.step(frames[0], SECOND).labels is not None
    localizer.labels_wanted = False
    without = localizer.step(frames[1], 2 * SECOND)
    assert without.labels is None
    assert without.label_confidence is None
    localizer.labels_wanted = True
    assert localizer.step(frames[2], 3 * SECOND).labels is not None
