"""Player of a recorded drive: publishes images, calibration, odometry and mount as the drivers of a robot do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from localization_common.datasets.sequence import Sequence
from localization_common.ros.conversions import camera_to_info, image_from_array, pose_from_matrix
from localization_common.ros.outputs import header
from localization_common.ros.transforms import transform_stamped

CAMERA_FRAME = "camera_optical_frame"


class SequencePlayer:
    """Publishes a sequence of any format on ``image``, ``camera_info``, ``odom`` and ``/tf_static``.

    Nodes receive the same images, calibration and mount as a localizer that runs without nodes.

    Args:
        node: owner of the publishers.
        sequence: drive to publish.
        base_frame: name of the base frame in the nodes.
        odometry: publish the odometry of the drive, for frames that have it.
    """

    def __init__(self, node: Node, sequence: Sequence, *, base_frame: str, odometry: bool) -> None:
        self._sequence, self._base_frame = sequence, base_frame
        self._stopped = threading.Event()
        self._published: dict[int, float] = {}
        self._images = node.create_publisher(Image, "image", QoSProfile(depth=10))
        self._infos = node.create_publisher(CameraInfo, "camera_info", QoSProfile(depth=10))
        self._odometry = node.create_publisher(Odometry, "odom", QoSProfile(depth=1000)) if odometry else None
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._mounts = node.create_publisher(TFMessage, "/tf_static", latched)
        mount = transform_stamped(base_frame, CAMERA_FRAME, sequence.base_T_camera, int(sequence.stamps[0]))
        self._mounts.publish(TFMessage(transforms=[mount]))

    @property
    def published(self) -> dict[int, float]:
        """Stamp of each published image -> time of its publication (`time.monotonic` seconds)."""
        return dict(self._published)

    def wait_for_subscribers(self, count: int = 1, odometry_count: int = 0, timeout: float = 20.0) -> bool:
        """Wait until nodes subscribe: what is published before is lost to them. Another thread spins the node.

        Args:
            count: number of nodes that use the images with their calibration.
            odometry_count: number of nodes that use the odometry.
            timeout: longest wait, seconds.

        Returns:
            True if all are connected.
        """
        expected = [(self._images, count), (self._infos, count), (self._odometry, odometry_count)]
        give_up = time.monotonic() + timeout
        while any(one is not None and one.get_subscription_count() < number for one, number in expected):
            # rclpy of Humble has no event for a new subscriber; discovery takes longer than this.
            if time.monotonic() > give_up or self._stopped.wait(0.02):
                return False
        return True

    def play(self, *, before_image: Callable[[int], None] | None = None) -> int:
        """Publish all frames in order; return the number of published frames.

        Args:
            before_image: called with an image's stamp before it is published; it may wait until the nodes are ready.
        """
        has_odometry = self._sequence.has_odometry
        for position, stamp in enumerate(self._sequence.stamps.tolist()):
            if before_image is not None:
                before_image(stamp)
            if self._stopped.is_set():
                break
            head = header(stamp, CAMERA_FRAME)
            if self._odometry is not None and has_odometry[position]:
                self._publish_odometry(stamp, position)
            self._infos.publish(camera_to_info(self._sequence.camera, head))
            image = image_from_array(self._sequence.read_image(position), "rgb8", head)
            self._published[stamp] = time.monotonic()
            self._images.publish(image)
        return len(self._published)

    def stop(self) -> None:
        """End `play` from another thread."""
        self._stopped.set()

    def _publish_odometry(self, stamp: int, position: int) -> None:
        assert self._odometry is not None
        assert self._sequence.odom_T_base is not None
        message = Odometry(header=header(stamp, "odom"), child_frame_id=self._base_frame)
        message.pose.pose = pose_from_matrix(self._sequence.odom_T_base[position])
        self._odometry.publish(message)
