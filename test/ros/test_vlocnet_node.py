"""Tests of the vlocnet node with a publishing robot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from robot_stage import Stage
from sensor_msgs.msg import Image
from stage_models import tiny_vlocnet
from stage_robot import BASE_T_CAMERA, CAMERA, FIRST, PERIOD, textured

from localization_common.camera import Camera
from localization_common.geometry import se3
from localization_common.geometry.odometry_integration import OdometryIntegrator, base_covariance
from localization_common.report.palette import heat_overlay
from localization_common.ros.conversions import camera_to_info, image_from_array
from localization_common.ros.outputs import header
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.runtime.checkpoint import save_vlocnet
from vlocnet_ros.runtime.localizer import Localizer


def offline(models: Path, indices: range) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Compute poses of the base, their covariances and the odometry with the localizer."""
    localizer = Localizer.from_checkpoint(models / "vlocnet.safetensors")
    localizer.set_camera(CAMERA)
    integrator = OdometryIntegrator()
    poses, covariances, odometry = [], [], []
    for index in indices:
        stamp = FIRST + index * PERIOD
        estimate = localizer.step(textured(index), stamp)
        poses.append(estimate.map_T_camera @ se3.inverse(BASE_T_CAMERA))
        covariances.append(base_covariance(estimate.covariance, estimate.map_T_camera, BASE_T_CAMERA))
        sample = integrator.step(stamp, estimate.previous_T_camera, estimate.motion_covariance, BASE_T_CAMERA)
        odometry.append(sample.odom_T_base)
    return poses, covariances, odometry


def test_publishes_what_the_localizer_estimates_for_the_base(stage: Stage, models: Path) -> None:
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    stamps = [stage.robot.send(i) for i in range(6)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    poses, covariances, odometry = offline(models, range(6))
    published = stage.robot.recorder.by_stamp("vlocnet/pose")
    moved = stage.robot.recorder.by_stamp("vlocnet/odometry")
    assert sorted(published) == sorted(moved) == stamps
    for i, stamp in enumerate(stamps):
        assert published[stamp].frame_id == "map"
        assert moved[stamp].frame_id == "odom"
        np.testing.assert_allclose(published[stamp].matrix, poses[i], atol=1e-6)
        np.testing.assert_allclose(published[stamp].covariance, covariances[i], atol=1e-9)
        np.testing.assert_allclose(moved[stamp].matrix, odometry[i], atol=1e-6)
    assert np.trace(moved[stamps[-1]].covariance) > np.trace(moved[stamps[1]].covariance) > 0.0


def test_lost_publishes_no_pose_but_odometry_and_an_error(stage: Stage, models: Path) -> None:
    stage.start(VlocnetNode, process_all=True, checkpoint=str(models / "lost.safetensors"))
    stage.robot.mount_camera()
    stamps = [stage.robot.send(i) for i in range(4)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    assert sorted(stage.robot.recorder.by_stamp("vlocnet/pose")) == stamps[:1]
    assert sorted(stage.robot.recorder.by_stamp("vlocnet/odometry")) == stamps
    status = stage.robot.await_status("vlocnet", lambda s: "lost" in s.message)
    assert status.level == 2


@pytest.mark.parametrize("timeout", [0.3, 0.0])
def test_a_camera_that_stopped_gives_no_poses_unless_it_may(stage: Stage, timeout: float) -> None:
    stage.start(VlocnetNode, process_all=True, frozen_timeout=timeout)
    stage.robot.mount_camera()
    stamps = [FIRST + i * PERIOD for i in range(6)]
    for i, stamp in enumerate(stamps):
        stage.robot.send(i, image_from_array(textured(0), "rgb8", header(stamp, "camera_optical_frame")))
    stage.robot.await_processed("vlocnet", stamps[-1])
    seen = stamps if timeout == 0.0 else stamps[:2]  # 0.2 s is borne, 0.4 s is not
    assert sorted(stage.robot.recorder.by_stamp("vlocnet/pose")) == seen
    if timeout > 0.0:
        assert stage.robot.await_status("vlocnet", lambda s: "very same picture" in s.message).level > 0


@pytest.mark.parametrize("fuse", [True, False])
def test_poses_of_several_frames_or_of_each_by_itself(stage: Stage, models: Path, fuse: bool) -> None:
    stage.start(VlocnetNode, process_all=True, fuse_poses=fuse)
    stage.robot.mount_camera()
    stamps = [stage.robot.send(i) for i in range(4)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    localizer = Localizer.from_checkpoint(models / "vlocnet.safetensors", fuse=fuse)
    localizer.set_camera(CAMERA)
    estimates = [localizer.step(textured(i), stamp) for i, stamp in enumerate(stamps)]
    published = stage.robot.recorder.by_stamp("vlocnet/pose")[stamps[-1]].matrix
    regressed = estimates[-1].regressed_T_camera
    assert regressed is not None
    np.testing.assert_allclose(published, estimates[-1].map_T_camera @ se3.inverse(BASE_T_CAMERA), atol=1e-6)
    assert np.allclose(published, regressed @ se3.inverse(BASE_T_CAMERA), atol=1e-6) != fuse


def test_segmentation_has_the_images_stamp_frame_and_size(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    topics = [f"segmentation/{name}" for name in ("mask", "confidence", "overlay")]
    pictures = stage.also_record(dict.fromkeys(topics, Image))
    stamp = stage.robot.send(0)
    assert pictures.wait_for(lambda: all(pictures.count(topic) for topic in topics), 20.0)
    mask, confidence, overlay = (pictures.of(topic)[0] for topic in topics)
    for picture in (mask, confidence, overlay):
        assert (picture.stamp, picture.frame_id) == (stamp, "camera_optical_frame")
        assert picture.image.shape[:2] == (CAMERA.height, CAMERA.width)
    assert (mask.encoding, confidence.encoding, overlay.encoding) == ("mono8", "mono8", "rgb8")
    assert set(np.unique(mask.image)) <= {0, 1, 2, 3, 255}
    assert (confidence.image[mask.image == 255] == 0).all()
    seen = mask.image != 255
    assert (overlay.image[seen] != textured(0)[seen]).any()


def test_what_the_network_does_not_see_has_no_label_and_no_confidence(stage: Stage) -> None:
    """Use a camera of 120 degrees with a network of 90: the margins of the mask are empty, its middle is not."""
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    pictures = stage.also_record({"segmentation/mask": Image, "segmentation/confidence": Image})
    wide = Camera.from_field_of_view(CAMERA.width, CAMERA.height, 120.0)
    head = header(FIRST, "camera_optical_frame")
    stage.robot.infos.publish(camera_to_info(wide, head))
    stage.robot.images.publish(image_from_array(textured(0), "rgb8", head))
    assert pictures.wait_for(lambda: bool(pictures.count("segmentation/confidence")), 20.0)
    assert pictures.wait_for(lambda: bool(pictures.count("segmentation/mask")), 20.0)
    mask, confidence = (pictures.of(f"segmentation/{name}")[0].image for name in ("mask", "confidence"))
    margin = round(CAMERA.width / 2 * (1 - np.tan(np.pi / 4) / np.tan(np.pi / 3)))
    assert (mask[:, : margin - 2] == 255).all()
    assert (confidence[:, : margin - 2] == 0).all()
    middle = np.s_[CAMERA.height // 2, CAMERA.width // 2]
    assert mask[middle] < 4
    assert confidence[middle] > 0


def test_map_to_odom_corrects_the_odometrys_drift(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True, transform_tolerance=0.5)
    robot = stage.robot
    robot.mount_camera()
    odom_T_base = se3.from_parts([1.0, 2.0, 0.0], [0.8, 0.0, 0.0, 0.6])
    robot.send_transform("odom", "base_link", odom_T_base, FIRST - PERIOD)
    robot.send_transform("odom", "base_link", odom_T_base, FIRST + PERIOD)
    stamp = robot.send(0)
    sent = robot.await_transform("map", "odom")
    map_T_base = robot.recorder.by_stamp("vlocnet/pose")[stamp].matrix
    np.testing.assert_allclose(sent.matrix @ odom_T_base, map_T_base, atol=1e-9)
    assert sent.stamp == stamp + 500_000_000


@pytest.mark.parametrize(("mode", "child"), [("map_base", "base_link"), ("none", None)])
def test_tf_mode(stage: Stage, mode: str, child: str | None) -> None:
    stage.start(VlocnetNode, process_all=True, tf_mode=mode)
    stage.robot.mount_camera()
    stamp = stage.robot.send(0)
    stage.robot.await_processed("vlocnet", stamp)
    if child is None:
        assert stage.robot.recorder.count("vlocnet/pose") == 1
        assert stage.robot.transforms_of("map") == []
    else:
        sent = stage.robot.await_transform("map", child)
        np.testing.assert_allclose(sent.matrix, stage.robot.recorder.by_stamp("vlocnet/pose")[stamp].matrix, atol=1e-9)


def test_without_odometry_in_tf_the_missing_map_to_odom_is_reported(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True)
    stage.robot.mount_camera()
    stage.robot.send(0)
    status = stage.robot.await_status("vlocnet", lambda s: "map_odom needs the odometry's TF" in s.message)
    assert status.level == 1
    assert stage.robot.transforms_of("map") == []


def test_visual_odometry_can_be_the_odometry_of_the_robot(stage: Stage) -> None:
    stage.start(VlocnetNode, process_all=True, publish_odom_tf=True)
    stage.robot.mount_camera()
    stamps = [stage.robot.send(i) for i in range(3)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    sent = stage.robot.await_transform("odom", "base_link")
    moved = stage.robot.recorder.by_stamp("vlocnet/odometry")[sent.stamp]
    np.testing.assert_allclose(sent.matrix, moved.matrix, atol=1e-9)
    stage.robot.await_transform("map", "odom")


def test_explanation_is_the_localizers_and_costs_the_pose_nothing(
    stage: Stage, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check that explanations do not change the poses, and that they are computed for subscribers only."""
    node = stage.start(VlocnetNode, process_all=True, overlay_opacity=1.0)
    localizer, heats = node._localizer, []
    explain = localizer.explain

    def remember() -> np.ndarray:
        heats.append(explain())
        return heats[-1]

    monkeypatch.setattr(localizer, "explain", remember)
    stage.robot.mount_camera()
    stamps = [stage.robot.send(0)]
    stage.robot.await_processed("vlocnet", stamps[0])
    assert not heats
    pictures = stage.also_record({"vlocnet/explanation": Image})
    stamps += [stage.robot.send(i) for i in (1, 2)]
    assert pictures.wait_for(lambda: pictures.count("vlocnet/explanation") == 2, 20.0)
    assert [picture.stamp for picture in pictures.of("vlocnet/explanation")] == stamps[1:]
    assert stage.robot.recorder.wait_for(lambda: stage.robot.recorder.count("vlocnet/pose") == 3, 20.0)
    published = stage.robot.recorder.by_stamp("vlocnet/pose")
    for stamp, pose in zip(stamps, offline(models, range(3))[0], strict=True):
        np.testing.assert_allclose(published[stamp].matrix, pose, rtol=0.0, atol=1e-12)
    picture = pictures.of("vlocnet/explanation")[-1]
    assert (picture.frame_id, picture.encoding) == ("camera_optical_frame", "rgb8")
    assert len(heats) == 2
    heat = localizer.labels_in_image(heats[-1], fill=0)
    assert 0.0 < heat.mean() < 1.0
    np.testing.assert_array_equal(picture.image, heat_overlay(textured(2), heat, 1.0))


def test_without_pose_stream_nothing_is_explained(stage: Stage, tmp_path: Path) -> None:
    network = VLocNet(replace(tiny_vlocnet(), tasks=Tasks(pose=False))).eval()
    save_vlocnet(tmp_path / "no_pose.safetensors", network)
    node = stage.start(VlocnetNode, process_all=True, checkpoint=str(tmp_path / "no_pose.safetensors"))
    stage.robot.mount_camera()
    pictures = stage.also_record({"vlocnet/explanation": Image, "segmentation/mask": Image})
    stamps = [stage.robot.send(i) for i in range(2)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    assert pictures.wait_for(lambda: pictures.count("segmentation/mask") == 2, 20.0)
    assert pictures.count("vlocnet/explanation") == 0
    assert node.monitor.refused == 0


def only(folder: Path, **streams: bool) -> str:
    """Save a checkpoint of a network with these streams only; return its path."""
    tasks = Tasks(**dict.fromkeys(("pose", "odometry", "segmentation", "depth"), False) | streams)
    path = folder / "only.safetensors"
    save_vlocnet(path, VLocNet(replace(tiny_vlocnet(), tasks=tasks)).eval())
    return str(path)


def test_without_odometry_stream_nothing_stands_in_for_it(stage: Stage, tmp_path: Path) -> None:
    """Check that poses are published without ~/odometry and its TF, and that /diagnostics has the reason."""
    stage.start(VlocnetNode, process_all=True, publish_odom_tf=True, checkpoint=only(tmp_path, pose=True))
    robot = stage.robot
    robot.mount_camera()
    stamps = [robot.send(i) for i in range(3)]
    robot.await_processed("vlocnet", stamps[-1])
    assert robot.recorder.wait_for(lambda: robot.recorder.count("vlocnet/pose") == 3, 20.0)
    status = stage.status_now("vlocnet")
    assert status.level == 1
    assert "publish_odom_tf is set, but the network has no odometry stream" in status.message
    assert status.values["streams"] == "pose"
    assert robot.recorder.count("vlocnet/odometry") == 0
    assert robot.transforms_of("odom") == []
    assert not stage.parameters_set("vlocnet", publish_odom_tf=False)
    robot.await_processed("vlocnet", robot.send(3))
    assert "odometry stream" not in stage.status_now("vlocnet").message


def test_a_network_with_segmentation_only_publishes_no_pose(stage: Stage, tmp_path: Path) -> None:
    node = stage.start(VlocnetNode, process_all=True, tf_mode="map_base", checkpoint=only(tmp_path, segmentation=True))
    stage.robot.mount_camera()
    pictures = stage.also_record({"segmentation/mask": Image})
    stamps = [stage.robot.send(i) for i in range(2)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    assert pictures.wait_for(lambda: pictures.count("segmentation/mask") == 2, 20.0)
    assert stage.status_now("vlocnet").values["streams"] == "segmentation"
    assert stage.robot.recorder.count("vlocnet/pose") == stage.robot.recorder.count("vlocnet/odometry") == 0
    assert stage.robot.transforms_of("map") == stage.robot.transforms_of("odom") == []
    assert node.monitor.refused == 0


def test_an_exported_network_gives_the_same_poses_and_explains_nothing(stage: Stage, tmp_path: Path) -> None:
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module, reason=f"{module} is not installed")
    from vlocnet_ros.commands.export import export_onnx

    checkpoint = tmp_path / "pose.safetensors"
    tasks = Tasks(odometry=False, segmentation=False, depth=False)
    save_vlocnet(checkpoint, VLocNet(replace(tiny_vlocnet(), tasks=tasks)).eval())
    export_onnx(checkpoint, checkpoint.with_suffix(".onnx"))
    node = stage.start(VlocnetNode, process_all=True, checkpoint=str(checkpoint), backend="onnx")
    stage.robot.mount_camera()
    pictures = stage.also_record({"vlocnet/explanation": Image})
    stamps = [stage.robot.send(i) for i in range(3)]
    stage.robot.await_processed("vlocnet", stamps[-1])
    published = stage.robot.recorder.by_stamp("vlocnet/pose")
    localizer = Localizer.from_checkpoint(checkpoint, backend="torch")
    localizer.set_camera(CAMERA)
    for index, stamp in enumerate(stamps):
        expected = localizer.step(textured(index), FIRST + index * PERIOD).map_T_camera @ se3.inverse(BASE_T_CAMERA)
        np.testing.assert_allclose(published[stamp].matrix, expected, atol=1e-4)
    assert pictures.count("vlocnet/explanation") == 0
    assert node.monitor.refused == 0
