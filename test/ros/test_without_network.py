"""Tests of the vlocnet node without a checkpoint, in the simulated apartment, and of a checkpoint that comes later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from robot_stage import Stage
from sensor_msgs.msg import Image
from stage_models import tiny_vlocnet
from stage_robot import FIRST, PERIOD
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from waiting import wait_until

from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.geometry.odometry_integration import base_covariance
from localization_common.metrics.pose_metrics import pose_errors
from localization_common.ros.conversions import camera_to_info, image_from_array, pose_from_matrix
from localization_common.ros.outputs import header
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.node import VlocnetNode
from vlocnet_ros.runtime.checkpoint import Residuals, save_vlocnet
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.replay import recorded_odometry

CHECKPOINT = Path(__file__).resolve().parents[2] / "models" / "vlocnet_apartment_light.safetensors"
Picture = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]


class Drive:
    """The robot drives through the apartment: images, wheel odometry and its TF, the mount of the simulated camera."""

    def __init__(self, stage: Stage, queries: Sequence) -> None:
        self.stage, self.queries = stage, queries
        self.stamps = [FIRST + i * PERIOD for i in range(len(queries))]
        assert queries.odom_T_base is not None
        self.odom_T_base = queries.odom_T_base

    def start(self, keyframe_map: Path, **values: Any) -> VlocnetNode:
        """Start the node without a checkpoint."""
        given = {"checkpoint": "", "keyframe_map": str(keyframe_map)} | values
        node: VlocnetNode = self.stage.start(VlocnetNode, **{"process_all": True, **given})

        from localization_common.ros.transforms import transform_stamped

        mount = transform_stamped("base_link", "camera_optical_frame", self.queries.base_T_camera, 0)
        self.stage.robot.static.publish(TFMessage(transforms=[mount]))
        odom = self.stage.robot.odometry
        assert given["checkpoint"] or wait_until(lambda: odom.get_subscription_count() > 0)
        return node

    def publish(self, position: int, image: Picture | None = None, *, odometry: bool = True) -> int:
        """Publish a frame of the drive, or another image at its place."""
        robot, stamp = self.stage.robot, self.stamps[position]
        head = header(stamp, "camera_optical_frame")
        robot.infos.publish(camera_to_info(self.queries.camera, head))
        if odometry:
            message = Odometry(header=header(stamp, "odom"), child_frame_id="base_link")
            message.pose.pose = pose_from_matrix(self.odom_T_base[position])
            robot.odometry.publish(message)
            robot.send_transform("odom", "base_link", self.odom_T_base[position], stamp)
        shown = self.queries.read_image(position) if image is None else image
        robot.images.publish(image_from_array(shown, "rgb8", head))
        return stamp

    def send(self, position: int, image: Picture | None = None, *, odometry: bool = True) -> int:
        """Publish a frame and wait until the node has processed it."""
        stamp = self.publish(position, image, odometry=odometry)
        self.stage.robot.await_processed("vlocnet", stamp)
        return stamp

    @property
    def poses(self) -> dict[int, Any]:
        """Published poses by the position of their frame."""
        by_stamp = self.stage.robot.recorder.by_stamp("vlocnet/pose")
        return {self.stamps.index(stamp): pose for stamp, pose in by_stamp.items()}

    def metres_off(self, positions: list[int]) -> Array:
        """Errors (N,) of the published poses at these frames."""
        found = np.stack([self.poses[i].matrix for i in positions])
        return pose_errors(found, self.queries.map_T_base[positions]).metres


@pytest.fixture
def drive(stage: Stage, queries: Sequence) -> Iterator[Drive]:
    return Drive(stage, queries)


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


def test_a_checkpoint_is_loaded_while_frames_go_on_and_the_pose_stays(
    drive: Drive, keyframe_map: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = drive.start(keyframe_map)
    for i in range(4):
        drive.send(i)
    reading, go = threading.Event(), threading.Event()
    read = node._read_network

    def slowly(path: Path) -> Localizer:
        reading.set()
        assert go.wait(30.0)
        return read(path)

    monkeypatch.setattr(node, "_read_network", slowly)
    assert drive.stage.parameters_set("vlocnet", checkpoint=str(CHECKPOINT)) == ""
    client = drive.stage.robot.node.create_client(Trigger, "vlocnet/load_checkpoint")
    assert client.wait_for_service(10.0)
    future = client.call_async(Trigger.Request())
    assert reading.wait(20.0)
    for i in range(4, 7):
        drive.send(i)  # while the file is read
    assert not future.done()
    go.set()
    assert wait_until(future.done, 60.0)
    assert (future.result().success, future.result().message) == (
        True, f"{CHECKPOINT}: pose, odometry, segmentation, depth",
    )  # fmt: skip
    drive.send(7)
    drive.send(8)
    assert sorted(drive.poses) == list(range(2, 9))
    assert drive.metres_off(list(range(2, 9))).max() < 0.02
    recorder = drive.stage.robot.recorder
    assert recorder.wait_for(lambda: recorder.count("vlocnet/odometry") == 2, 20.0)
    first, second = (recorder.by_stamp("vlocnet/odometry")[drive.stamps[i]] for i in (7, 8))
    moved = se3.inverse(drive.queries.map_T_base[7]) @ drive.queries.map_T_base[8]
    assert np.linalg.norm((se3.inverse(first.matrix) @ second.matrix)[:3, 3] - moved[:3, 3]) < 0.03
    values = drive.stage.status_now("vlocnet").values
    assert (values["streams"], values["refined"]) == ("pose, odometry, segmentation, depth", "yes")


def test_a_checkpoint_that_does_not_fit_is_refused_and_the_old_localizer_goes_on(
    drive: Drive, keyframe_map: Path, tmp_path: Path
) -> None:
    drive.start(keyframe_map)
    for i in range(3):
        drive.send(i)
    damaged, wide = tmp_path / "damaged.safetensors", tmp_path / "wide.safetensors"
    damaged.write_bytes(CHECKPOINT.read_bytes()[:-1000])
    torch.manual_seed(0)
    save_vlocnet(
        wide, VLocNet(tiny_vlocnet()).eval(), camera=Camera.from_field_of_view(64, 48, 120.0), residuals=Residuals()
    )
    reasons = {
        str(damaged): "not a complete safetensors file",
        str(wide): "wider",
        str(tmp_path / "absent"): "no such file",
        "": "parameter checkpoint is empty, and the place has no network yet",
    }
    for i, (path, reason) in enumerate(reasons.items(), start=3):
        assert drive.stage.parameters_set("vlocnet", checkpoint=path) == ""
        response = drive.stage.call(Trigger, "vlocnet/load_checkpoint")
        assert not response.success
        assert reason in response.message
        drive.send(i)
    assert sorted(drive.poses) == list(range(2, 7))
    assert drive.stage.status_now("vlocnet").values["streams"] == "pose, of the keyframe map"


def test_a_node_that_is_not_configured_loads_no_checkpoint(stage: Stage) -> None:
    stage.start(VlocnetNode, active=False, autostart=False)
    response = stage.call(Trigger, "vlocnet/load_checkpoint")
    assert (response.success, response.message) == (False, "vlocnet is not configured")


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
