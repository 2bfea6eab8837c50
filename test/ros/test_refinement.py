"""Tests of the vlocnet node with a keyframe map: the shipped network on frames of the simulated apartment."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from robot_stage import Stage
from sensor_msgs.msg import Image
from stage_robot import BASE_T_CAMERA, CAMERA, FIRST, PERIOD, textured

import vlocnet_ros.estimate_output
from localization_common.datasets.sequence import Sequence
from localization_common.errors import InputError
from localization_common.geometry import se3
from localization_common.geometry.odometry_integration import base_covariance
from localization_common.metrics import pose_metrics
from localization_common.refinement.refiner import Refinement
from localization_common.report.palette import circled
from localization_common.ros.conversions import camera_to_info, image_from_array
from localization_common.ros.outputs import header
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.runtime.checkpoint import load_vlocnet, save_vlocnet
from vlocnet_ros.runtime.estimate import Estimate
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer

CHECKPOINT = Path(__file__).resolve().parents[2] / "models" / "vlocnet_apartment_light.safetensors"
Picture = npt.NDArray[np.uint8]


def publish(stage: Stage, queries: Sequence, image: Picture, index: int) -> int:
    """Publish an image of the apartment's camera."""
    stamp = FIRST + index * PERIOD
    head = header(stamp, "camera_optical_frame")
    stage.robot.infos.publish(camera_to_info(queries.camera, head))
    stage.robot.images.publish(image_from_array(image, "rgb8", head))
    return stamp


def send(stage: Stage, queries: Sequence, image: Picture, index: int) -> int:
    """Publish an image and wait until the node has processed it."""
    stamp = publish(stage, queries, image, index)
    stage.robot.await_processed("vlocnet", stamp)
    return stamp


def start(stage: Stage, keyframe_map: Path, checkpoint: Path = CHECKPOINT, **values: Any) -> VlocnetNode:
    """Start the node with the shipped network and the map."""
    files = {"checkpoint": str(checkpoint), "keyframe_map": str(keyframe_map)}
    node: VlocnetNode = stage.start(VlocnetNode, process_all=True, **files, **values)
    stage.robot.mount_camera()
    return node


def offline(
    queries: Sequence, images: list[Picture], keyframe_map: Path | None, checkpoint: Path = CHECKPOINT
) -> list[Estimate]:
    """Compute the estimates of the localizer for the usable images."""
    localizer: Any = Localizer.from_checkpoint(checkpoint)
    if keyframe_map is not None:
        localizer = RefiningLocalizer.with_map(localizer, keyframe_map)
    localizer.set_camera(queries.camera)
    estimates = []
    for i, image in enumerate(images):
        with contextlib.suppress(InputError):
            estimates.append(localizer.step(image, FIRST + i * PERIOD))
    return estimates


def published(stage: Stage, stamps: list[int]) -> list[Any]:
    """Wait for the poses of these stamps and return them."""
    recorder = stage.robot.recorder
    assert recorder.wait_for(lambda: set(stamps) <= set(recorder.by_stamp("vlocnet/pose")), 20.0)
    return [recorder.by_stamp("vlocnet/pose")[stamp] for stamp in stamps]


def test_refined_poses_are_published_with_covariance_points_and_diagnostics(
    stage: Stage, queries: Sequence, keyframe_map: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Picture] = []

    def record(image: Picture, pixels: npt.NDArray[np.float64]) -> Picture:
        drawn.append(circled(image, pixels))
        return drawn[-1]

    monkeypatch.setattr(vlocnet_ros.estimate_output, "circled", record)
    start(stage, keyframe_map)
    assert stage.status_now("vlocnet").values["refined"] == "no: no frame yet"
    images = [queries.read_image(i) for i in range(4)]
    stamps = [send(stage, queries, images[i], i) for i in range(3)]
    assert not drawn  # no subscriber
    pictures = stage.also_record({"vlocnet/matched_points": Image})
    stamps.append(send(stage, queries, images[3], 3))
    values = stage.status_now("vlocnet").values
    poses, expected = published(stage, stamps), offline(queries, images, keyframe_map)
    for pose, estimate in zip(poses, expected, strict=True):
        np.testing.assert_allclose(pose.matrix, estimate.map_T_camera @ se3.inverse(BASE_T_CAMERA), atol=1e-5)
        covariance = base_covariance(estimate.covariance, estimate.map_T_camera, BASE_T_CAMERA)
        np.testing.assert_allclose(pose.covariance, covariance, rtol=1e-2, atol=1e-9)
    seen = np.stack([pose.matrix @ BASE_T_CAMERA for pose in poses])
    assert pose_metrics.pose_errors(seen, queries.map_T_camera[:4]).metres.max() < 0.02
    assert pictures.wait_for(lambda: bool(pictures.count("vlocnet/matched_points")), 20.0)
    (picture,) = pictures.of("vlocnet/matched_points")
    assert (picture.stamp, picture.frame_id, picture.encoding) == (stamps[3], "camera_optical_frame", "rgb8")
    refinement = expected[3].refinement
    assert refinement is not None
    np.testing.assert_array_equal(picture.image, circled(images[3], refinement.pixels))
    assert len(drawn) == 1
    assert (values["refined"], values["frames refined [%]"]) == ("yes", "100.0")
    assert int(values["refinement inliers"]) == len(refinement.pixels)
    assert 0.0 < float(values["refinement p50 [ms]"]) <= float(values["refinement p95 [ms]"])


def test_a_pose_is_refined_beside_the_next_frames_network(
    stage: Stage, queries: Sequence, keyframe_map: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Send frames faster than they are processed; one of them is unusable."""
    localizer = start(stage, keyframe_map)._localizer
    assert isinstance(localizer, RefiningLocalizer)
    images = [queries.read_image(i) for i in range(4)]
    images.insert(2, np.zeros_like(images[0]))
    begin, refine = localizer._localizer.step, localizer.refiner.step
    others, refined = threading.Semaphore(0), []

    def begin_and_release(image: Picture, stamp: int) -> Estimate:
        if stamp > FIRST:
            others.release()
        return begin(image, stamp)

    def refine_later(*arguments: Any, **named: Any) -> Refinement:
        """Wait until the network has the next frame; the last frame does not wait."""
        refined.append(len(refined) == 3 or others.acquire(timeout=20.0))
        return refine(*arguments, **named)

    monkeypatch.setattr(localizer._localizer, "step", begin_and_release)
    monkeypatch.setattr(localizer.refiner, "step", refine_later)
    stamps = [publish(stage, queries, image, i) for i, image in enumerate(images)]
    recorder = stage.robot.recorder
    assert recorder.wait_for(lambda: recorder.count("vlocnet/processed") == 5, 20.0)
    assert refined == [True] * 4
    assert [message.stamp for message in recorder.of("vlocnet/processed")] == stamps
    expected = offline(queries, images, keyframe_map)
    assert len(expected) == 4
    for pose, estimate in zip(published(stage, stamps[:2] + stamps[3:]), expected, strict=True):
        np.testing.assert_allclose(pose.matrix, estimate.map_T_camera @ se3.inverse(BASE_T_CAMERA), atol=1e-5)


def test_a_frame_outside_the_map_keeps_the_pose_of_the_network(
    stage: Stage, queries: Sequence, keyframe_map: Path, tmp_path: Path
) -> None:
    loaded, checkpoint = load_vlocnet(CHECKPOINT), tmp_path / "no_limit.safetensors"
    every_place = replace(loaded.residuals, familiarity=0.0)  # otherwise upside-down frames are skipped
    save_vlocnet(checkpoint, loaded.network, camera=loaded.camera, residuals=every_place)
    start(stage, keyframe_map, checkpoint)
    pictures = stage.also_record({"vlocnet/matched_points": Image})
    flipped = [np.ascontiguousarray(queries.read_image(i)[::-1]) for i in range(2)]
    stamps = [send(stage, queries, image, i) for i, image in enumerate(flipped)]
    for pose, estimate in zip(published(stage, stamps), offline(queries, flipped, None, checkpoint), strict=True):
        np.testing.assert_allclose(pose.matrix, estimate.map_T_camera @ se3.inverse(BASE_T_CAMERA), atol=1e-6)
    values = stage.status_now("vlocnet").values
    assert values["refined"].startswith("no: the image does not agree with the guess")
    assert (values["refinement inliers"], values["frames refined [%]"]) == ("0", "0.0")
    assert pictures.wait_for(lambda: pictures.count("vlocnet/matched_points") == 2, 20.0)
    np.testing.assert_array_equal(pictures.of("vlocnet/matched_points")[1].image, flipped[1])


def test_refine_false_reads_no_map(stage: Stage, queries: Sequence) -> None:
    start(stage, Path("/no/such/map"), refine=False)
    stamp = send(stage, queries, queries.read_image(0), 0)
    (pose,), (estimate,) = published(stage, [stamp]), offline(queries, [queries.read_image(0)], None)
    np.testing.assert_allclose(pose.matrix, estimate.map_T_camera @ se3.inverse(BASE_T_CAMERA), atol=1e-6)
    assert stage.status_now("vlocnet").values["refined"] == "no: there is no keyframe map, or refine is false"
    assert "read by configure" in stage.parameters_set("vlocnet", refine=True)


def test_a_camera_too_coarse_for_the_map_is_reported_and_poses_are_not_refined(stage: Stage, models: Path) -> None:
    stage.start(VlocnetNode, process_all=True, keyframe_map=str(models / "keyframes.safetensors"))
    stage.robot.mount_camera()
    stamp = stage.robot.send(0)
    stage.robot.await_processed("vlocnet", stamp)
    status = stage.status_now("vlocnet")
    assert status.level == 1
    assert f"poses are not refined: the camera's focal length of {CAMERA.fx:.0f} pixels" in status.message
    assert status.values["refined"].startswith("no: the camera's focal length")
    alone = Localizer.from_checkpoint(models / "vlocnet.safetensors")
    alone.set_camera(CAMERA)
    expected = alone.step(textured(0), stamp).map_T_camera @ se3.inverse(BASE_T_CAMERA)
    np.testing.assert_allclose(published(stage, [stamp])[0].matrix, expected, atol=1e-6)


def test_a_map_for_a_network_without_pose_stream_is_refused(stage: Stage, models: Path, tmp_path: Path) -> None:
    from test_vlocnet_node import only

    checkpoint = only(tmp_path, odometry=True)
    keyframes = str(models / "keyframes.safetensors")
    stage.start(VlocnetNode, active=False, autostart=False, checkpoint=checkpoint, keyframe_map=keyframes)
    assert not stage.client("vlocnet").change(1)
    assert "the network's streams are odometry" in stage.status_now("vlocnet").message
