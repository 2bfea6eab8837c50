"""Transforms and odometry that stop, come late or are wrong: they delay no frame and change no pose."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from live_drive import PERIOD, drive, send_image
from robot_stage import Stage
from stage_robot import BASE_T_CAMERA, CAMERA, SECOND, textured
from waiting import wait_until

from dmn_ros.node import DmnNode
from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import OdometryIntegrator
from localization_common.ros.transforms import transform_stamped
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.runtime.localizer import Localizer

FRAMES = 15


def odom_T_base(index: int) -> np.ndarray:
    return planar.to_se3(np.array([0.1 * index, 0.0, 0.0]))


@pytest.fixture
def vlocnet(stage: Stage) -> VlocnetNode:
    """Live node with a mounted camera, whose TF is not smoothed; a frame that waits for a transform waits a minute."""
    node: VlocnetNode = stage.start(VlocnetNode, transform_timeout=60.0, max_correction_speed=0.0)
    stage.robot.mount_camera()
    assert wait_until(lambda: node.transforms.connected("base_link", "camera_optical_frame"))
    return node


@pytest.mark.parametrize("late", [3, 6, None], ids=["0.3 s late", "0.6 s late", "stopped"])
def test_vlocnet_keeps_its_pace_and_its_pairs_with_any_tf_of_the_odometry(
    stage: Stage, models: Path, vlocnet: VlocnetNode, late: int | None
) -> None:
    robot = stage.robot

    def transforms(index: int, stamp: int) -> None:
        if late is None and index < 3:
            robot.send_transform("odom", "base_link", odom_T_base(index), stamp)
        elif late is not None and index >= late:
            robot.send_transform("odom", "base_link", odom_T_base(index - late), stamp - late * PERIOD)

    stamps = drive(robot, FRAMES, "vlocnet", beside=transforms)
    assert robot.recorder.wait_for(lambda: stamps[-1] in robot.recorder.by_stamp("vlocnet/odometry"), 5.0)
    assert sorted(robot.recorder.by_stamp("vlocnet/pose")) == stamps
    moved = robot.recorder.by_stamp("vlocnet/odometry")
    assert sorted(moved) == stamps
    np.testing.assert_allclose(moved[stamps[-1]].matrix, whole_odometry(models, stamps), atol=1e-5)
    assert vlocnet.frames.dropped == 0
    if late is None:
        assert not stage.parameters_set("vlocnet", transform_timeout=0.1)
        status = robot.await_status("vlocnet", lambda s: "no map -> odom for" in s.message)
        assert "transform odom -> base_link ends" in status.message
        robot.send_transform("odom", "base_link", odom_T_base(FRAMES), stamps[-1])
        assert wait_until(lambda: "odom_tf" not in vlocnet.monitor.problems)
    assert "odom_tf" not in vlocnet.monitor.problems
    newest = stamps[-1 - (late or 0)]
    assert wait_until(lambda: newest + SECOND in {t.stamp for t in robot.transforms_of("map")})


def whole_odometry(models: Path, stamps: list[int]) -> np.ndarray:
    """Pose odom_T_base (4, 4) after these frames, each with its previous frame."""
    localizer, integrator = Localizer.from_checkpoint(models / "vlocnet.safetensors"), OdometryIntegrator()
    localizer.set_camera(CAMERA)
    for index, stamp in enumerate(stamps):
        estimate = localizer.step(textured(index), stamp)
        sample = integrator.step(stamp, estimate.previous_T_camera, estimate.motion_covariance, BASE_T_CAMERA)
    return sample.odom_T_base


def test_dmn_answers_every_frame_of_odometry_that_comes_late(stage: Stage) -> None:
    node = stage.start(DmnNode, localized_share=1e-9, localized_images=1, tf_mode="none", odometry_timeout=60.0)
    robot, late = stage.robot, 3  # fewer images at once than the middleware holds

    def odometry(index: int, stamp: int) -> None:
        robot.send_odometry(stamp - late * PERIOD, 0.1 * (index - late))

    stamps = drive(robot, FRAMES, "dmn", beside=odometry, behind=late)
    poses = robot.recorder.by_stamp
    # Two topics: a pose may arrive after the message that its frame was processed.
    assert robot.recorder.wait_for(lambda: stamps[-1 - late] in poses("dmn/pose"), 5.0)
    assert sorted(poses("dmn/pose")) == stamps[:-late]
    assert node.monitor.refused == node.frames.dropped == 0
    robot.send_odometry(stamps[-1], 0.1 * (FRAMES - 1))
    assert robot.recorder.wait_for(lambda: stamps[-1] in poses("dmn/pose"), 5.0)


def test_frames_without_the_cameras_mount_are_refused_and_counted_until_tf_has_it(stage: Stage) -> None:
    node = stage.start(VlocnetNode, transform_timeout=0.1, tf_mode="none")
    robot = stage.robot
    drive(robot, 4, "vlocnet", beside=lambda *_: None)
    assert node.monitor.refused == 4
    assert "TF is empty, and base_link -> camera_optical_frame is needed" in stage.status_now("vlocnet").message
    robot.mount_camera()
    assert wait_until(lambda: node.transforms.connected("base_link", "camera_optical_frame"))
    drive(robot, 1, "vlocnet", beside=lambda *_: None)
    assert node.monitor.processed == 1


def test_a_camera_on_a_joint_waits_for_its_transform(stage: Stage) -> None:
    """Publish the joint's state 0.3 s after the image."""
    node = stage.start(VlocnetNode, tf_mode="none", transform_timeout=60.0)
    robot = stage.robot

    def joint(index: int, stamp: int) -> None:
        robot.send_transform("base_link", "camera_optical_frame", BASE_T_CAMERA, stamp - 3 * PERIOD)

    stamps = drive(robot, 12, "vlocnet", beside=joint, behind=3)
    assert robot.recorder.wait_for(lambda: len(robot.recorder.by_stamp("vlocnet/pose")) == 9, 10.0)
    assert sorted(robot.recorder.by_stamp("vlocnet/pose")) == stamps[:-3]
    assert node.monitor.refused == node.frames.dropped == 0


@pytest.mark.parametrize("hour_first", [False, True], ids=["in between", "first of all"])
def test_one_transform_an_hour_ahead_stops_nothing(stage: Stage, vlocnet: VlocnetNode, hour_first: bool) -> None:
    robot = stage.robot

    def transforms(index: int, stamp: int) -> None:
        if index == (0 if hour_first else 2):
            robot.send_transform("odom", "base_link", odom_T_base(100), stamp + 3600 * SECOND)
        robot.send_transform("odom", "base_link", odom_T_base(index), stamp)

    stamps = drive(robot, 8, "vlocnet", beside=transforms)
    assert wait_until(lambda: stamps[-1] + SECOND in {t.stamp for t in robot.transforms_of("map")})
    last = robot.transforms_of("map")[-1]
    pose = robot.recorder.by_stamp("vlocnet/pose")[stamps[-1]].matrix
    np.testing.assert_allclose(last.matrix @ odom_T_base(7), pose, atol=1e-6)


def lies() -> list[object]:
    huge, endless, long = (transform_stamped("base_link", "camera_optical_frame", BASE_T_CAMERA, 0) for _ in range(3))
    huge.transform.translation.x = 1e308
    endless.transform.translation.y = float("nan")
    long.transform.rotation.w = 5.0
    return [huge, endless, long]


@pytest.mark.parametrize("lie", lies(), ids=["1e308", "NaN", "norm 5"])
def test_a_mount_that_no_robot_can_have_is_ignored(stage: Stage, vlocnet: VlocnetNode, lie: object) -> None:
    robot = stage.robot
    robot.send_tf(lie)  # type: ignore[arg-type]
    robot.send_transform("odom", "base_link", np.eye(4), time.time_ns())
    assert wait_until(lambda: vlocnet.transforms.connected("odom", "base_link"))
    stamp = drive(robot, 1, "vlocnet", beside=lambda *_: None)[0]
    pose = robot.recorder.by_stamp("vlocnet/pose")[stamp]
    assert np.isfinite(pose.matrix).all()
    np.testing.assert_allclose(
        vlocnet.transforms.lookup("base_link", "camera_optical_frame", stamp), BASE_T_CAMERA, atol=1e-9
    )


def test_odometry_beyond_the_earth_is_ignored_and_reported(stage: Stage) -> None:
    node = stage.start(DmnNode, localized_share=1e-9, localized_images=1, tf_mode="none")
    robot = stage.robot
    stamps = [time.time_ns() + index * PERIOD for index in range(4)]
    for index, stamp in enumerate(stamps):
        robot.send_odometry(stamp, 1e308 if index == 1 else 0.1 * index)
    assert wait_until(lambda: node.odometry.buffer.reaches(stamps[-1]))
    send_image(robot, stamps[1])
    robot.await_processed("dmn", stamps[1])
    assert node.belief is not None
    assert np.isfinite(node.belief.particles).all()
    assert np.isfinite(robot.recorder.by_stamp("dmn/pose")[stamps[1]].covariance).all()
