"""Simulated robot that drives through the apartment before a vlocnet node without a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from nav_msgs.msg import Odometry
from robot_stage import Stage
from stage_robot import FIRST, PERIOD, Robot
from tf2_msgs.msg import TFMessage
from waiting import wait_until

from localization_common.datasets.sequence import Sequence
from localization_common.metrics.pose_metrics import pose_errors
from localization_common.ros.conversions import camera_to_info, image_from_array, pose_from_matrix
from localization_common.ros.outputs import header
from localization_common.ros.transforms import transform_stamped
from vlocnet_ros.node import VlocnetNode

Picture = npt.NDArray[np.uint8]
Array = npt.NDArray[np.float64]


class RobotDrive:
    """A robot drives through the apartment: images, wheel odometry and its TF, the mount of the simulated camera."""

    robot: Robot

    def __init__(self, queries: Sequence) -> None:
        self.queries = queries
        self.stamps = [FIRST + i * PERIOD for i in range(len(queries))]
        assert queries.odom_T_base is not None
        self.odom_T_base = queries.odom_T_base

    def mount_camera(self) -> None:
        """Publish base_link -> camera_optical_frame."""
        mount = transform_stamped("base_link", "camera_optical_frame", self.queries.base_T_camera, 0)
        self.robot.static.publish(TFMessage(transforms=[mount]))

    def publish(self, position: int, image: Picture | None = None, *, odometry: bool = True) -> int:
        """Publish a frame of the drive, or another image at its place."""
        robot, stamp = self.robot, self.stamps[position]
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

    def poses_of(self, topic: str) -> dict[int, Any]:
        """Poses published on a topic, by the position of their frame."""
        by_stamp = self.robot.recorder.by_stamp(topic)
        return {self.stamps.index(stamp): pose for stamp, pose in by_stamp.items()}


class Drive(RobotDrive):
    """The robot of a stage drives before a vlocnet node."""

    def __init__(self, stage: Stage, queries: Sequence) -> None:
        super().__init__(queries)
        self.stage, self.robot = stage, stage.robot

    def start(self, keyframe_map: Path, **values: Any) -> VlocnetNode:
        """Start the node without a checkpoint."""
        given = {"checkpoint": "", "keyframe_map": str(keyframe_map)} | values
        node: VlocnetNode = self.stage.start(VlocnetNode, **{"process_all": True, **given})
        self.mount_camera()
        odom = self.robot.odometry
        assert given["checkpoint"] or wait_until(lambda: odom.get_subscription_count() > 0)
        return node

    def send(self, position: int, image: Picture | None = None, *, odometry: bool = True) -> int:
        """Publish a frame and wait until the node has processed it."""
        stamp = self.publish(position, image, odometry=odometry)
        self.robot.await_processed("vlocnet", stamp)
        return stamp

    @property
    def poses(self) -> dict[int, Any]:
        """Published poses by the position of their frame."""
        return self.poses_of("vlocnet/pose")

    def metres_off(self, positions: list[int]) -> Array:
        """Errors (N,) of the published poses at these frames."""
        found = np.stack([self.poses[i].matrix for i in positions])
        return pose_errors(found, self.queries.map_T_base[positions]).metres


@pytest.fixture
def drive(stage: Stage, queries: Sequence) -> Iterator[Drive]:
    return Drive(stage, queries)
