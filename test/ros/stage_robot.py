"""Topics of a robot for the nodes under test: its publishers, and a recorder of the nodes' topics."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from stage_models import CAMERA
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from localization_common.camera import Camera
from localization_common.errors import InputError
from localization_common.geometry import se3
from localization_common.messages import matrix_from_transform, stamp_from_time
from localization_common.ros.conversions import camera_to_info, image_from_array, pose_from_matrix
from localization_common.ros.outputs import header
from localization_common.ros.recorder import Recorder
from localization_common.ros.transforms import transform_stamped

Array = npt.NDArray[np.float64]

SECOND = 1_000_000_000
FIRST = 1_000 * SECOND
PERIOD = SECOND // 5

BASE_T_CAMERA = np.eye(4)
BASE_T_CAMERA[:3, :3] = se3.BODY_R_OPTICAL
BASE_T_CAMERA[:3, 3] = (0.2, 0.05, 0.6)


def textured(seed: int, camera: Camera = CAMERA) -> npt.NDArray[np.uint8]:
    """Random picture with blocks of 10x10 pixels."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (camera.height // 10, camera.width // 10, 3), dtype=np.uint8)
    return np.ascontiguousarray(coarse.repeat(10, 0).repeat(10, 1))


@dataclass(frozen=True)
class SentTransform:
    """Transform (4, 4) received on /tf."""

    parent: str
    child: str
    stamp: int
    matrix: Array


class Robot:
    """Publishes the topics of a robot, and records the topics of the nodes."""

    def __init__(self, node: Node, *, reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE) -> None:
        self.node = node
        qos = QoSProfile(depth=100, reliability=reliability)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.images = node.create_publisher(Image, "image", qos)
        self.infos = node.create_publisher(CameraInfo, "camera_info", qos)
        self.odometry = node.create_publisher(Odometry, "odom", qos)
        self.initial = node.create_publisher(PoseWithCovarianceStamped, "initialpose", QoSProfile(depth=1))
        self.static = node.create_publisher(TFMessage, "/tf_static", latched)
        self.tf = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        self.topics: dict[str, type[Any]] = {
            "vlocnet/pose": PoseWithCovarianceStamped, "vlocnet/odometry": Odometry, "vlocnet/processed": Header,
            "dmn/pose": PoseWithCovarianceStamped, "dmn/processed": Header, "/diagnostics": DiagnosticArray,
        }  # fmt: skip
        self.recorder = Recorder(node, self.topics)
        self._transforms: list[SentTransform] = []
        self._changed = threading.Condition()
        node.create_subscription(TFMessage, "/tf", self._on_tf, QoSProfile(depth=100))

    def mount_camera(self) -> None:
        """Publish base_link -> camera_optical_frame."""
        mount = transform_stamped("base_link", "camera_optical_frame", BASE_T_CAMERA, 0)
        self.static.publish(TFMessage(transforms=[mount]))

    def send(self, index: int, image: Image | None = None, *, odometry: bool = True, start: int = FIRST) -> int:
        """Publish frame number `index` of a drive straight ahead; return its stamp."""
        stamp = start + index * PERIOD
        head = header(stamp, "camera_optical_frame")
        self.infos.publish(camera_to_info(CAMERA, head))
        if odometry:
            self.send_odometry(stamp, 0.1 * index)
        self.images.publish(image_from_array(textured(index), "rgb8", head) if image is None else image)
        return stamp

    def send_odometry(self, stamp: int, x: float) -> None:
        """Publish odom -> base_link, x metres ahead."""
        message = Odometry(header=header(stamp, "odom"), child_frame_id="base_link")
        message.pose.pose.position.x = x
        message.pose.pose.orientation.w = 1.0
        self.odometry.publish(message)

    def send_initial_pose(self, map_T_base: Array, *, frame_id: str = "map", stamp: int = 0) -> None:
        """Publish initialpose with a small covariance."""
        message = PoseWithCovarianceStamped(header=header(stamp, frame_id))
        message.pose.pose = pose_from_matrix(map_T_base)
        message.pose.covariance = (np.eye(6) * 1e-4).ravel()
        self.initial.publish(message)

    def await_processed(self, node: str, stamp: int, timeout: float = 20.0) -> None:
        """Wait until a node has processed the image of this stamp."""
        topic = f"{node}/processed"
        done = self.recorder.wait_for(lambda: stamp in self.recorder.by_stamp(topic), timeout)
        assert done, f"{node} did not process image {stamp} within {timeout} s"

    def await_status(self, node: str, accept: Callable[[Any], bool], timeout: float = 15.0) -> Any:
        """Wait for a status of a node on /diagnostics that ``accept`` accepts; return it."""
        found: list[Any] = []

        def look() -> bool:
            statuses = (s for s in self.recorder.of("/diagnostics") if s.name == f"/{node}" and accept(s))
            found.extend(list(statuses)[-1:])
            return bool(found)

        assert self.recorder.wait_for(look, timeout), [
            (s.name, s.message) for s in self.recorder.of("/diagnostics")[-4:]
        ]
        return found[-1]

    def await_transform(self, parent: str, child: str, timeout: float = 10.0) -> SentTransform:
        """Wait for a transform on /tf."""

        def matching() -> list[SentTransform]:
            return [t for t in self._transforms if (t.parent, t.child) == (parent, child)]

        with self._changed:
            assert self._changed.wait_for(lambda: bool(matching()), timeout), f"no {parent} -> {child}"
            return matching()[-1]

    def transforms_of(self, parent: str) -> list[SentTransform]:
        """Transforms on /tf with this parent so far."""
        with self._changed:
            return [t for t in self._transforms if t.parent == parent]

    def send_transform(self, parent: str, child: str, matrix: Array, stamp: int) -> None:
        """Publish a transform on /tf."""
        self.send_tf(transform_stamped(parent, child, matrix, stamp))

    def send_tf(self, transform: TransformStamped) -> None:
        """Publish a message on /tf."""
        self.tf.publish(TFMessage(transforms=[transform]))

    def _on_tf(self, msg: TFMessage) -> None:
        with self._changed:
            for t in msg.transforms:
                try:
                    stamp, matrix = stamp_from_time(t.header.stamp), matrix_from_transform(t.transform)
                except InputError:
                    continue  # a malformed transform of the robot
                self._transforms.append(SentTransform(t.header.frame_id, t.child_frame_id, stamp, matrix))
            self._changed.notify_all()
