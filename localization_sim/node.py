"""Node ``apartment_camera``: a robot with a camera drives through a simulated apartment in real time."""

from __future__ import annotations

import json
import sys
import threading
import time
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String, UInt64
from tf2_msgs.msg import TFMessage

from localization_common.camera import Camera
from localization_common.errors import LocalizationError
from localization_common.geometry import planar
from localization_common.ros.conversions import camera_to_info, image_from_array, pose_from_matrix, time_from_stamp
from localization_common.ros.main import supervised
from localization_common.ros.outputs import LATCHED
from localization_common.ros.parameter_setting import AcceptsUnchangedParameters
from localization_common.ros.parameters import Parameters
from localization_common.ros.spinning import spinning
from localization_common.ros.transforms import transform_stamped
from localization_sim.drive import START_STAMP
from localization_sim.frame_source import FrameSource, RenderedFrame
from localization_sim.lights.lighting import light_of_drive
from localization_sim.rendering import open_apartment
from localization_sim.settings import ApartmentCameraSettings

Array = npt.NDArray[np.float64]


class MissingSubscribersError(LocalizationError):
    """Error: too few subscribers in time."""


class ApartmentCamera(AcceptsUnchangedParameters, Node):
    """Publishes ``image``, ``camera_info``, ``odom``, ``ground_truth/pose``, /tf, /tf_static and ``frames_published``.

    All messages of one image have its stamp and are published before it. ``frames_published`` (latched) is the number
    of images, so that a subscriber can detect lost ones.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("apartment_camera", **options)
        self.settings = settings = Parameters(self, ApartmentCameraSettings).value
        self.camera = Camera.from_field_of_view(settings.width, settings.height, settings.field_of_view)
        self._stop = threading.Event()
        self.context.on_shutdown(self._stop.set)
        reliability = ReliabilityPolicy.RELIABLE if settings.reliable else ReliabilityPolicy.BEST_EFFORT
        images = QoSProfile(depth=10, reliability=reliability)
        self._image = self.create_publisher(Image, "image", images)
        self._camera_info = self.create_publisher(CameraInfo, "camera_info", images)
        self._depth = self.create_publisher(Image, "depth", images) if settings.publish_depth else None
        self._labels = self.create_publisher(Image, "labels", images) if settings.publish_labels else None
        self._names = self.create_publisher(String, "label_names", LATCHED) if settings.publish_labels else None
        self._odom = self.create_publisher(Odometry, "odom", 50)
        self._truth = self.create_publisher(PoseStamped, "ground_truth/pose", 50)
        self._tf = self.create_publisher(TFMessage, "/tf", 100) if settings.publish_tf else None
        self._tf_static = self.create_publisher(TFMessage, "/tf_static", LATCHED)
        self._sim_clock = self.create_publisher(Clock, "/clock", 10) if settings.publish_clock else None
        self._count = self.create_publisher(UInt64, "frames_published", LATCHED)
        self.frames_published = 0

    def run(self) -> None:
        """Wait for subscribers, drive all loops, wait until all messages have arrived.

        Raises:
            MissingSubscribersError: too few subscribers within ``wait_timeout``.
            LocalizationError: the drive does not exist in the apartment, or OpenGL does not start.
        """
        settings = self.settings
        apartment = partial(
            open_apartment,
            settings.seed,
            self.camera,
            rearranged=settings.rearranged,
            twin_room=settings.twin_room,
            office=settings.office,
            calm=settings.calm,
            light=light_of_drive(settings.light, settings.drive),
        )
        with FrameSource(
            apartment,
            settings.drive,
            rate=settings.rate,
            random_seed=settings.random_seed,
            odometry_errors=settings.odometry_errors,
            depth=settings.publish_depth,
            labels=settings.publish_labels,
        ) as source:
            self._publish_latched(source)
            self._wait_for_subscribers()
            self._stop.wait(settings.start_delay)
            self._drive(source)
        self._flush()
        if not settings.exit_when_done:
            self._stop.wait()

    def _drive(self, source: FrameSource) -> None:
        period = source.drive.trajectory.duration + 1.0 / self.settings.rate
        started = time.monotonic()
        start_stamp = START_STAMP if self._sim_clock is not None else int(self.get_clock().now().nanoseconds)
        odom_offset = np.zeros(3)
        self.get_logger().info(
            f"driving {self.settings.drive!r} of apartment {self.settings.seed}, {period:.0f} s a loop"
        )
        loop = 0
        while not self._stop.is_set() and (self.settings.loops == 0 or loop < self.settings.loops):
            images = {round(t, 6): i for i, t in enumerate(source.drive.image_times.tolist())}
            frames = source.frames()
            for moment in source.drive.odometry_times(self.settings.odom_rate).tolist():
                elapsed = loop * period + moment
                over = 0.0 < self.settings.max_duration < elapsed
                frame = next(frames) if round(moment, 6) in images and not over else None
                if over or self._stop.wait(max(0.0, started + elapsed - time.monotonic())):
                    return
                stamp = start_stamp + round(elapsed * 1e9)
                self._publish_odometry(source, moment, stamp, odom_offset)
                if frame is not None:
                    self._publish_frame(frame, source.drive.trajectory.at(moment), stamp)
            odom_offset = planar.compose(odom_offset, source.drive.odometry.odom.poses[-1])
            loop += 1

    def _publish_latched(self, source: FrameSource) -> None:
        stamp = START_STAMP if self._sim_clock is not None else int(self.get_clock().now().nanoseconds)
        frames = (self.settings.base_frame_id, self.settings.camera_frame_id)
        mounting = transform_stamped(*frames, source.sequence.base_T_camera, stamp)
        self._tf_static.publish(TFMessage(transforms=[mounting]))
        if self._names is not None:
            self._names.publish(String(data=json.dumps(list(source.sequence.class_names))))
        self._base_T_camera = source.sequence.base_T_camera
        self._count.publish(UInt64(data=0))

    def _publish_odometry(self, source: FrameSource, moment: float, stamp: int, offset: Array) -> None:
        settings = self.settings
        if self._sim_clock is not None:
            self._sim_clock.publish(Clock(clock=time_from_stamp(stamp)))
        pose = planar.to_se3(planar.compose(offset, source.drive.odometry.odom.at(moment)))
        message = Odometry(header=self._header(stamp, settings.odom_frame_id), child_frame_id=settings.base_frame_id)
        message.pose.pose = pose_from_matrix(pose)
        message.twist.twist.linear.x, message.twist.twist.angular.z = source.drive.odometry.twist_at(moment)
        self._odom.publish(message)
        if self._tf is not None:
            moved = transform_stamped(settings.odom_frame_id, settings.base_frame_id, pose, stamp)
            self._tf.publish(TFMessage(transforms=[moved]))

    def _publish_frame(self, frame: RenderedFrame, map_pose: Array, stamp: int) -> None:
        header = self._header(stamp, self.settings.camera_frame_id)
        truth = PoseStamped(header=self._header(stamp, self.settings.global_frame_id))
        truth.pose = pose_from_matrix(planar.to_se3(map_pose))
        self._truth.publish(truth)
        self._camera_info.publish(camera_to_info(self.camera, header))
        if self._depth is not None and frame.depth is not None:
            self._depth.publish(image_from_array(frame.depth, "32FC1", header))
        if self._labels is not None and frame.labels is not None:
            self._labels.publish(image_from_array(frame.labels, "mono8", header))
        self._image.publish(image_from_array(frame.image, "rgb8", header))
        self.frames_published += 1
        self._count.publish(UInt64(data=self.frames_published))

    def _header(self, stamp: int, frame_id: str) -> Header:
        return Header(stamp=time_from_stamp(stamp), frame_id=frame_id)

    def _wait_for_subscribers(self) -> None:
        wanted, deadline = self.settings.wait_for_subscribers, time.monotonic() + self.settings.wait_timeout
        while self._image.get_subscription_count() < wanted and not self._stop.wait(0.05):
            if time.monotonic() > deadline:
                raise MissingSubscribersError(
                    f"{self._image.get_subscription_count()} of {wanted} subscribers on {self._image.topic_name} after "
                    f"{self.settings.wait_timeout} s: start the others, or lower wait_for_subscribers"
                )

    def _flush(self) -> None:
        """Wait until reliable subscribers have confirmed all messages, so that none is lost when the process ends."""
        if self._stop.is_set():
            return
        limit = Duration(seconds=self.settings.linger)
        for publisher in (self._image, self._odom, self._truth, self._labels, self._count):
            if publisher is not None and not publisher.wait_for_all_acked(limit):
                self.get_logger().warning(f"{publisher.topic_name}: not all subscribers confirmed in time")
        self.get_logger().info(f"done: {self.frames_published} frames published")


def main(arguments: list[str] | None = None) -> int:
    """Entry point of ``apartment_camera``."""
    return supervised(_drive, arguments)


def _drive() -> None:
    node = ApartmentCamera()
    try:
        with spinning(node):
            node.run()
    finally:
        node.destroy_node()


if __name__ == "__main__":
    sys.exit(main())
