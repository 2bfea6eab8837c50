"""Poses of the shipped network in the simulated apartment, refined with a keyframe map of other frames."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_networks import make_config

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.errors import CameraError, ConfigError, InputError
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.metrics import pose_metrics
from localization_common.refinement.acceptance import Status
from localization_common.refinement.config import RefinementConfig
from localization_common.refinement.refiner import Refiner
from vlocnet_ros.commands.evaluate import evaluate, table
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.backends.torch_backend import TorchBackend
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet, save_vlocnet
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer

CHECKPOINT = Path(__file__).resolve().parents[3] / "models" / "vlocnet_apartment_light.safetensors"

Images = Callable[[int], np.ndarray]


@pytest.fixture
def refining(keyframe_map: Path, queries: Sequence) -> RefiningLocalizer:
    made = RefiningLocalizer.with_map(Localizer.from_checkpoint(CHECKPOINT), keyframe_map)
    made.set_camera(queries.camera)
    return made


@pytest.fixture
def lost(keyframe_map: Path, queries: Sequence, tmp_path: Path) -> RefiningLocalizer:
    """Localizer whose poses are withheld after the first frame; its odometry is unchanged."""
    known = load_vlocnet(CHECKPOINT)
    never = replace(known.residuals, tracking=TrackingConfig(agreement=1e-9, patience=1e-9, coherence=1e-9))
    path = tmp_path / "lost.safetensors"
    save_vlocnet(path, known.network, camera=known.camera, class_names=known.class_names, residuals=never)
    made = RefiningLocalizer.with_map(Localizer.from_checkpoint(path), keyframe_map)
    made.set_camera(queries.camera)
    return made


def run(localizer: FrameLocalizer, queries: Sequence, positions: range, image: Images | None = None) -> list[Estimate]:
    read = image or queries.read_image
    return [localizer.step(read(i), int(queries.stamps[i])) for i in positions]


def statuses(estimates: list[Estimate]) -> list[Status]:
    return [e.refinement.status for e in estimates]


def errors(estimates: list[Estimate], queries: Sequence, positions: range) -> pose_metrics.PoseErrors:
    return pose_metrics.pose_errors(np.stack([e.map_T_camera for e in estimates]), queries.map_T_camera[positions])


def same(a: Estimate, b: Estimate) -> bool:
    return (
        np.array_equal(a.map_T_camera, b.map_T_camera)
        and np.array_equal(a.covariance, b.covariance)
        and (a.health, a.reason) == (b.health, b.reason)
    )


def test_refined_poses_have_smaller_errors_and_covariances(refining, queries):
    frames = range(8)
    estimates = run(refining, queries, frames)
    plain = Localizer.from_checkpoint(CHECKPOINT)
    plain.set_camera(queries.camera)
    own = run(plain, queries, frames)
    assert statuses(estimates) == [Status.REFINED] * 8
    refined, plain = errors(estimates, queries, frames), errors(own, queries, frames)
    assert refined.median_m < 0.01
    assert refined.median_m < 0.3 * plain.median_m
    assert refined.median_deg < 0.3
    for before, after in zip(own, estimates, strict=True):
        assert (after.health, after.reason) == (Health.OK, "")
        assert np.trace(after.covariance[:3, :3]) < 0.1 * np.trace(before.covariance[:3, :3])
        assert len(after.refinement.pixels) >= 12
        # The network's other results are the same as without a map.
        np.testing.assert_array_equal(after.labels, before.labels)
        np.testing.assert_array_equal(after.regressed_T_camera, before.regressed_T_camera)
    timings = estimates[-1].timings
    assert set(timings) == {"prepare", "network", "align", "finish", "features", "refine", "total"}
    assert timings["total"] >= timings["network"] + timings["refine"] > timings["refine"] > 0.0


def test_frames_that_overlap_are_refined_as_one_after_the_other(refining, queries, keyframe_map):
    """The rest of each frame in a thread of its own, while the next one is begun; one image among them is unusable."""
    frames, unusable = range(6), 3
    dark = np.zeros_like(queries.read_image(0))
    images = [dark if i == unusable else queries.read_image(i) for i in frames]
    plain = RefiningLocalizer.with_map(Localizer.from_checkpoint(CHECKPOINT), keyframe_map)
    plain.set_camera(queries.camera)
    expected, found = [], []
    for i in frames:
        with contextlib.suppress(InputError):
            expected.append(plain.step(images[i], int(queries.stamps[i])))
    with ThreadPoolExecutor(max_workers=1) as second:
        for i in frames:
            with contextlib.suppress(InputError):
                found.append(second.submit(refining.begin(images[i], int(queries.stamps[i])).finish))
    assert len(found) == len(expected) == 5
    for one, other in zip(found, expected, strict=True):
        assert same(one.result(), other)
        assert one.result().refinement.status is other.refinement.status


def test_what_an_unusable_image_forgets_is_not_what_was_begun_before_it(lost, queries):
    begun = [lost.begin(queries.read_image(i), int(queries.stamps[i])) for i in range(2)]
    with pytest.raises(InputError, match="constant"):
        lost.begin(np.zeros_like(queries.read_image(2)), int(queries.stamps[2]))
    begun.append(lost.begin(queries.read_image(3), int(queries.stamps[3])))
    assert statuses([pending.finish() for pending in begun]) == [Status.REFINED, Status.REFINED, Status.REFUSED]


def test_images_that_do_not_fit_the_map_keep_the_networks_pose(refining, queries):
    """Turn the images upside down: they fit no place of the map."""
    plain = Localizer.from_checkpoint(CHECKPOINT)
    plain.set_camera(queries.camera)

    def flipped(i: int) -> np.ndarray:
        return np.ascontiguousarray(queries.read_image(i)[::-1])

    frames = range(4)
    estimates, own = run(refining, queries, frames, flipped), run(plain, queries, frames, flipped)
    assert statuses(estimates) == [Status.REFUSED] * 4
    assert all(same(a, b) for a, b in zip(estimates, own, strict=True))
    assert all(e.refinement.reason for e in estimates)


def test_a_lost_network_is_relocated_by_several_frames_that_agree(lost, queries):
    """Start with an image of noise, without a pose; later frames have no guess."""
    noise = np.random.default_rng(0).integers(0, 256, queries.read_image(0).shape, dtype=np.uint8)
    first = run(lost, queries, range(1), lambda i: noise)
    needed = RefinementConfig().confirmations
    frames = range(1, 2 + needed)
    estimates = run(lost, queries, frames)
    assert statuses([*first, *estimates]) == [Status.REFUSED] * needed + [Status.RELOCATED, Status.REFINED]
    assert [e.health for e in estimates] == [Health.LOST] * (needed - 1) + [Health.OK] * 2
    assert errors(estimates[-2:], queries, frames[-2:]).metres.max() < 0.02


def test_a_refused_image_resets_the_refinement(lost, queries):
    """Use a lost network without guesses: a single frame is accepted only after previous ones."""
    known = run(lost, queries, range(3))
    assert statuses(known) == [Status.REFINED] * 3
    assert known[2].reason == ""
    with pytest.raises(InputError, match="constant"):
        lost.step(np.zeros_like(queries.read_image(3)), int(queries.stamps[3]))
    after = run(lost, queries, range(4, 7))
    assert statuses(after) == [Status.REFUSED, Status.REFUSED, Status.RELOCATED]
    with pytest.raises(CameraError, match="160x120"):
        lost.step(queries.read_image(7)[::2, ::2], int(queries.stamps[7]))
    assert statuses(run(lost, queries, range(8, 9))) == [Status.REFUSED]


def test_reset_forgets_the_previous_frames(lost, queries):
    assert statuses(run(lost, queries, range(2))) == [Status.REFINED] * 2
    lost.reset()
    assert run(lost, queries, range(2, 3))[0].previous_T_camera is None


def test_a_camera_too_coarse_for_the_map_keeps_the_networks_poses(refining, queries):
    coarse = Camera.from_field_of_view(144, 108, 90.0)
    refining.set_camera(coarse)
    plain = Localizer.from_checkpoint(CHECKPOINT)
    plain.set_camera(coarse)

    def small(i: int) -> np.ndarray:
        return cv2.resize(queries.read_image(i), (144, 108), interpolation=cv2.INTER_AREA)

    assert "focal length" in refining.obstacle
    estimates, own = run(refining, queries, range(2), small), run(plain, queries, range(2), small)
    assert all(same(a, b) for a, b in zip(estimates, own, strict=True))
    assert [(e.refinement.status, e.refinement.reason) for e in estimates] == [(Status.REFUSED, refining.obstacle)] * 2
    refining.set_camera(queries.camera)
    assert refining.obstacle == ""
    assert statuses(run(refining, queries, range(2, 4))) == [Status.REFINED] * 2


def test_a_camera_that_the_network_refuses_does_not_replace_the_old_one(refining, queries):
    with pytest.raises(CameraError, match="wider"):
        refining.set_camera(Camera.from_field_of_view(320, 240, 40.0))
    assert statuses(run(refining, queries, range(2))) == [Status.REFINED] * 2


def test_features_are_extracted_beside_the_network(keyframe_map, queries):
    """Let the network wait for the start of the extraction: in sequence, the test would time out."""
    begun, beside = threading.Event(), []

    class WaitingBackend(TorchBackend):
        def step(self, image, previous, labels):
            beside.append(begun.wait(20.0))
            return super().step(image, previous, labels)

    class AnnouncingRefiner(Refiner):
        def features(self, image):
            begun.set()
            return super().features(image)

    known = load_vlocnet(CHECKPOINT)
    localizer = Localizer(known, WaitingBackend(known.network))
    refining = RefiningLocalizer(localizer, AnnouncingRefiner(KeyframeMap.load(keyframe_map)))
    refining.set_camera(queries.camera)
    assert statuses(run(refining, queries, range(1))) == [Status.REFINED]
    assert beside == [True]


def test_a_network_without_pose_stream_has_nothing_to_refine(keyframe_map, tmp_path):
    network = VLocNet(make_config(tasks=Tasks(pose=False, segmentation=False, depth=False))).eval()
    save_vlocnet(tmp_path / "o.safetensors", network, residuals=Residuals())
    with pytest.raises(ConfigError, match="streams are odometry"):
        RefiningLocalizer.with_map(Localizer.from_checkpoint(tmp_path / "o.safetensors"), keyframe_map)


def test_an_evaluation_with_a_map_scores_refined_poses(keyframe_map, queries):
    few = queries.select(np.arange(6))
    numbers = evaluate(CHECKPOINT, [few], keyframe_map=keyframe_map).numbers
    assert numbers["pose"]["median_m"] < 0.01 < numbers["regressed"]["median_m"]
    assert numbers["refinement"]["refined"] == 1.0
    assert 0.0 < numbers["refinement"]["p50_ms"] <= numbers["refinement"]["p95_ms"]
    assert "refined                      100.0 % of the frames" in table(numbers)
