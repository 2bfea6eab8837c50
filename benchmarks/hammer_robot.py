"""Robot of `hammer`: publishes the valid frames of a drive, forward and back, and records the topics of the nodes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

import hammer_pictures as pictures
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.messages import matrix_from_transform, rgb_from_compressed, stamp_from_time
from localization_common.ros.conversions import camera_to_info, pose_from_matrix
from localization_common.ros.outputs import header
from localization_common.ros.recorder import Recorder
from localization_common.ros.transforms import transform_stamped

BASE, CAMERA_FRAME = "base_link", "camera_optical_frame"
#: The nodes date their transforms ahead (nanoseconds): parameter transform_tolerance.
AHEAD = 1_000_000_000
Array = npt.NDArray[np.float64]


def time_of(stamp: int) -> Time:
    """Stamp message of nanoseconds, which may be negative."""
    return Time(sec=stamp // 1_000_000_000, nanosec=stamp % 1_000_000_000)


class HammerRobot:
    """Publishes valid frames.

    Args:
        node: owner of the publishers; another thread spins it.
        drive: frames with odometry.
        compressed: images are JPEGs.
    """

    def __init__(self, node: Node, drive: Sequence, *, compressed: bool) -> None:
        assert drive.odom_T_base is not None
        self.node, self.drive, self.compressed = node, drive, compressed
        self._odom_T_base: Array = drive.odom_T_base
        self.frames: dict[int, int] = {}
        """Stamp of each valid frame -> its position in the drive."""
        queue = QoSProfile(depth=100)
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        image: Any = CompressedImage if compressed else Image
        self.images = node.create_publisher(image, "image/compressed" if compressed else "image", queue)
        self.infos = node.create_publisher(CameraInfo, "camera_info", queue)
        self.odometry = node.create_publisher(Odometry, "odom", queue)
        self.tf = node.create_publisher(TFMessage, "/tf", queue)
        self.static = node.create_publisher(TFMessage, "/tf_static", latched)
        self.initial = node.create_publisher(PoseWithCovarianceStamped, "initialpose", queue)
        self.proposal = node.create_publisher(PoseWithCovarianceStamped, "proposal", queue)
        self.topics: dict[str, type[Any]] = {
            "vlocnet/pose": PoseWithCovarianceStamped, "vlocnet/odometry": Odometry, "vlocnet/processed": Header,
            "dmn/pose": PoseWithCovarianceStamped, "dmn/processed": Header, "/diagnostics": DiagnosticArray,
        }  # fmt: skip
        self.recorder = Recorder(node, self.topics)
        self.map_T_odom: dict[int, Array] = {}
        """Stamp of a frame -> its broadcast transform map -> odom."""
        node.create_subscription(TFMessage, "/tf", self._on_tf, queue)
        mount = transform_stamped(BASE, CAMERA_FRAME, drive.base_T_camera, 0)
        self.static.publish(TFMessage(transforms=[mount]))
        self._data: dict[int, bytes] = {}

    @property
    def camera(self) -> Camera:
        """Camera of the drive."""
        return self.drive.camera

    @property
    def answered_stamp(self) -> int:
        """Stamp (nanoseconds) of the last valid frame that both nodes answered."""
        return min(self.recorder.latest(topic).stamp for topic in ("vlocnet/odometry", "dmn/pose"))

    def connected(self) -> bool:
        """Return True if both nodes subscribe to the topics of this robot, and if it subscribes to theirs."""
        of_both = (self.images, self.infos, self.tf, self.static)
        of_dmn = {p.topic_name: p for p in (self.initial, self.proposal, self.odometry)}
        return (
            all(publisher.get_subscription_count() >= 2 for publisher in of_both)
            and all(publisher.get_subscription_count() >= 1 for publisher in of_dmn.values())
            and all(self.node.count_publishers(topic) >= 1 for topic in self.topics)
        )

    def position(self, number: int) -> int:
        """Position of frame `number` in the drive, which runs forward and back."""
        period = 2 * (len(self.drive) - 1)
        place = number % period
        return min(place, period - place)

    def picture(self, number: int) -> npt.NDArray[np.uint8]:
        """Picture (H, W, 3) of frame `number`."""
        return np.ascontiguousarray(self.drive.read_image(self.position(number)))

    def seen(self, stamp: int) -> npt.NDArray[np.uint8]:
        """Picture (H, W, 3) of the frame of this stamp, after compression."""
        position = self.frames[stamp]
        if not self.compressed:
            return self.picture(position)
        return rgb_from_compressed(CompressedImage(format="jpeg", data=self._jpeg(position)))

    def odom_T_base(self, stamp: int) -> Array:
        """Odometry (4, 4) at the frame of this stamp."""
        return self._odom_T_base[self.frames[stamp]]

    def map_T_base(self, stamp: int) -> Array:
        """True pose (4, 4) at the frame of this stamp."""
        return np.asarray(self.drive.map_T_base[self.frames[stamp]])

    def send(self, number: int) -> int:
        """Publish frame `number` now; return its stamp. Every tenth JPEG has an EXIF orientation, which is ignored."""
        stamp, position = time.time_ns(), self.position(number)
        self.frames[stamp] = position
        head, odom_T_base = header(stamp, CAMERA_FRAME), self._odom_T_base[position]
        message = Odometry(header=header(stamp, "odom"), child_frame_id=BASE)
        message.pose.pose = pose_from_matrix(odom_T_base)
        self.odometry.publish(message)
        self.tf.publish(TFMessage(transforms=[transform_stamped("odom", BASE, odom_T_base, stamp)]))
        self.infos.publish(camera_to_info(self.camera, head))
        if not self.compressed:
            self.images.publish(pictures.raw(self.picture(number), stamp, CAMERA_FRAME))
            return stamp
        data = self._jpeg(position)
        data = pictures.with_exif(data, 6) if number % 10 == 0 else data
        self.images.publish(pictures.compressed(data, stamp, CAMERA_FRAME))
        return stamp

    def _jpeg(self, position: int) -> bytes:
        if position not in self._data:
            self._data[position] = pictures.jpeg(self.picture(position))
        return self._data[position]

    def _on_tf(self, message: TFMessage) -> None:
        for t in message.transforms:
            stamp = stamp_from_time(t.header.stamp) - AHEAD
            if (t.header.frame_id, t.child_frame_id) == ("map", "odom") and stamp in self.frames:
                self.map_T_odom[stamp] = matrix_from_transform(t.transform)
