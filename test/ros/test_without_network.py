"""Tests of the vlocnet node without a checkpoint, in the simulated apartment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from robot_stage import Stage
from sensor_msgs.msg import Image
from stage_drive import Drive, Picture
from waiting import wait_until

from localization_common.geometry import se3
from localization_common.geometry.odometry_integration import base_covariance
from localization_common.metrics.pose_metrics import pose_errors
from localization_common.ros.conversions import pose_from_matrix
from localization_common.ros.outputs import header
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.replay import recorded_odometry


def noise(seed: int) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (240, 320, 3), dtype=np.uint8)


def test_poses_come_from_keyframes_and_motions_from_the_wheels(drive: Drive, keyframe_map: Path) -> None:
    """Show noise in frames 5 and 6: there, the wheels carry the pose on."""
    drive.start(keyframe_map)
    images = {5: noise(5), 6: noise(6)}
    for i in range(9):
        drive.send(i, images.get(i))
    offline = KeyframeLocalizer.with_map(keyframe_map, recorded_odometry(drive.queries))
    offline.set_camera(drive.queries.camera)
    stamps = drive.queries.stamps
    expected = [offline.step(images.get(i, drive.queries.read_image(i)), int(stamps[i])) for i in range(9)]
    assert sorted(drive.poses) == list(range(2, 9))
    mount = drive.queries.base_T_camera
    for i, pose in drive.poses.items():
        np.testing.assert_allclose(pose.matrix, expected[i].map_T_camera @ se3.inverse(mount), atol=1e-5)
        covariance = base_covariance(expected[i].covariance, expected[i].map_T_camera, mount)
        np.testing.assert_allclose(pose.covariance, covariance, rtol=1e-2, atol=1e-9)
    assert drive.metres_off([2, 3, 4, 7, 8]).max() < 0.02
    assert drive.metres_off([5, 6]).max() < 0.05
    sent = drive.stage.robot.await_transform("map", "odom")
    np.testing.assert_allclose(
        sent.matrix[:3, 3], (drive.poses[2].matrix @ se3.inverse(drive.odom_T_base[2]))[:3, 3], atol=0.1
    )
    values = drive.stage.status_now("vlocnet").values
    assert (values["streams"], values["odometry"]) == ("pose, of the keyframe map", "on /odom")
    assert values["refined"] == "yes"


def test_streams_without_a_network_are_not_published(drive: Drive, keyframe_map: Path) -> None:
    drive.start(keyframe_map, publish_odom_tf=True)
    pictures = drive.stage.also_record({"segmentation/mask": Image, "vlocnet/explanation": Image})
    for i in range(4):
        drive.send(i)
    assert sorted(drive.poses) == [2, 3]
    assert pictures.count("segmentation/mask") == pictures.count("vlocnet/explanation") == 0
    assert drive.stage.robot.recorder.count("vlocnet/odometry") == 0
    assert "nobody broadcasts odom -> base here" in drive.stage.status_now("vlocnet").message


@pytest.mark.parametrize("process_all", [True, False])
def test_without_odometry_single_frames_are_confirmed_and_the_diagnostics_show_it(
    drive: Drive, keyframe_map: Path, process_all: bool
) -> None:
    drive.start(keyframe_map, process_all=process_all, odometry_timeout=100.0, tf_mode="map_base")
    for i in range(4):
        drive.send(i, odometry=False)  # no frame waits for an odometry that never came
    assert sorted(drive.poses) == [2, 3]
    assert drive.metres_off([2, 3]).max() < 0.02
    status = drive.stage.status_now("vlocnet")
    assert status.level == 1
    assert "no odometry on /odom in time for the image" in status.message
    assert "the pose is lost as soon as images do not confirm it" in status.message
    assert status.values["odometry"] == "none on /odom"
    for i in (4, 5):
        drive.send(i, noise(i), odometry=False)
    assert sorted(drive.poses) == [2, 3, 4]  # uncertain for one frame
    assert "lost" in drive.stage.status_now("vlocnet").message
    drive.send(6)
    assert drive.stage.status_now("vlocnet").values["odometry"] == "on /odom"


def test_a_frame_waits_for_odometry_that_comes_late(drive: Drive, keyframe_map: Path) -> None:
    drive.start(keyframe_map, process_all=False, odometry_timeout=30.0)
    for i in range(3):
        drive.send(i)
    image = drive.publish(3, odometry=False)
    recorder = drive.stage.robot.recorder
    assert not recorder.wait_for(lambda: image in recorder.by_stamp("vlocnet/processed"), 0.5)
    message = Odometry(header=header(image, "odom"), child_frame_id="base_link")
    message.pose.pose = pose_from_matrix(drive.odom_T_base[3])
    drive.stage.robot.odometry.publish(message)
    drive.stage.robot.await_processed("vlocnet", image)
    assert sorted(drive.poses) == [2, 3]


def test_poses_of_another_localizer_reach_the_search_moved_on_by_the_odometry(
    drive: Drive, keyframe_map: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = drive.start(keyframe_map)
    localizer, hints = node._localizer, []
    assert isinstance(localizer, KeyframeLocalizer)
    hint = localizer.hint
    monkeypatch.setattr(localizer, "hint", lambda guess: (hints.append(guess), hint(guess)))
    publisher = drive.stage.robot.node.create_publisher(PoseWithCovarianceStamped, "guess", 10)
    assert wait_until(lambda: publisher.get_subscription_count() == 1)
    drive.send(0)
    assert hints == []
    message = PoseWithCovarianceStamped(header=header(drive.stamps[0], "map"))
    message.pose.pose = pose_from_matrix(drive.queries.map_T_base[0])
    message.pose.covariance = (np.eye(6) * 0.01).ravel()
    publisher.publish(message)
    assert wait_until(lambda: node._guess.pending is not None)
    drive.send(1)
    drive.send(2)
    (found,) = hints  # one image uses it
    off = pose_errors(found.map_T_camera[None], drive.queries.map_T_camera[1:2])
    assert off.metres.max() < 0.02
    message.pose.pose.position.x += 3.0  # wrong
    publisher.publish(message)
    assert wait_until(lambda: node._guess.pending is not None)
    drive.send(3)
    assert len(hints) == 2
    assert drive.metres_off([2, 3]).max() < 0.02


def test_a_bag_that_loops_is_localized_anew(drive: Drive, keyframe_map: Path) -> None:
    """Play frames 8 to 11, then the bag from its beginning: poses and odometry of the first round are forgotten."""
    node = drive.start(keyframe_map)
    for i in (8, 9, 10, 11):
        drive.send(i)
    assert sorted(drive.poses) == [10, 11]
    for i in range(5):
        drive.send(i)
    assert node.monitor.jumps == 1
    assert sorted(drive.poses) == [3, 4, 10, 11]  # frame 0 shows the jump, 1 to 3 confirm the new place
    assert drive.metres_off([3, 4, 10, 11]).max() < 0.02


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"keyframe_map": ""}, "no checkpoint and no keyframe map"),
        ({"refine": False}, "refine must be true for a keyframe map"),
        ({"keyframe_map": "/no/such/map"}, "no such file"),
    ],
)
def test_something_must_give_poses(stage: Stage, keyframe_map: Path, values: dict[str, Any], reason: str) -> None:
    given = {"checkpoint": "", "keyframe_map": str(keyframe_map)} | values
    stage.start(VlocnetNode, active=False, autostart=False, **given)
    assert not stage.client("vlocnet").change(1)
    assert reason in stage.status_now("vlocnet").message
