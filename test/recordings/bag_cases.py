"""Small bags like those of robots: a drive along a curve, written message by message; tests change any part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from localization_common.camera import Camera
from localization_common.datasets import rosbag2_encoding as encoding
from localization_common.geometry import planar, se3

Array = npt.NDArray[np.float64]

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
CAMERA = Camera(32, 24, 30.0, 31.0, 15.2, 11.7, distortion=(0.01, -0.02, 0.001, 0.0, 0.0))
BASE_T_CAMERA = se3.from_parts([0.2, 0.05, 0.6], [0.5, -0.5, 0.5, -0.5])
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
INFO, TF, ODOMETRY = "sensor_msgs/msg/CameraInfo", "tf2_msgs/msg/TFMessage", "nav_msgs/msg/Odometry"
POSE, POSE_COVARIANCE = "geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/PoseWithCovarianceStamped"
TRANSFORM = "geometry_msgs/msg/TransformStamped"


class Message(NamedTuple):
    """Topic, type, time of recording and content."""

    topic: str
    kind: str
    time: int
    content: Any


def truth_at(seconds: float) -> Array:
    """True map_T_base (4, 4) of a drive at 0.5 m/s along a circle with a radius of 2 m."""
    angle = 0.25 * seconds
    return np.asarray(planar.to_se3(np.array([2.0 * np.sin(angle), 2.0 - 2.0 * np.cos(angle), angle])))


def odometry_at(seconds: float) -> Array:
    """Pose odom_T_base (4, 4) of the same drive, in another frame and with a scale that is 2 % too large."""
    moved = truth_at(seconds)
    moved[:2, 3] *= 1.02
    return np.asarray(planar.to_se3(np.array([3.0, -1.0, 0.7])) @ moved)


def picture(index: int, camera: Camera = CAMERA) -> npt.NDArray[np.uint8]:
    """Random image (H, W, 3), different for each index."""
    return np.random.default_rng(index).integers(0, 256, (camera.height, camera.width, 3), dtype=np.uint8)


def stamp(seconds: float) -> int:
    """Nanoseconds of a time of the drive."""
    return START + round(seconds * SECOND)


def image(seconds: float, index: int = 0, *, topic: str = "/image", frame: str = "camera", **fields: Any) -> Message:
    """Message of a raw image, recorded 5 ms after its stamp."""
    content = {**encoding.image_fields(picture(index), "rgb8"), **fields}
    header = content.pop("header", encoding.header(stamp(seconds), frame))
    return Message(topic, IMAGE, stamp(seconds) + 5_000_000, encoding.new(IMAGE, header=header, **content))


def compressed(seconds: float, data: bytes, form: str = "jpeg", *, topic: str = "/image/compressed") -> Message:
    """Message of a compressed image."""
    content = encoding.new(
        COMPRESSED, header=encoding.header(stamp(seconds), "camera"), format=form, data=np.frombuffer(data, np.uint8)
    )
    return Message(topic, COMPRESSED, stamp(seconds) + 5_000_000, content)


def camera_info(seconds: float, *, topic: str = "/camera_info", frame: str = "camera", **fields: Any) -> Message:
    """Calibration of the images."""
    content = {**encoding.camera_fields(CAMERA), **fields}
    return Message(
        topic, INFO, stamp(seconds), encoding.new(INFO, header=encoding.header(stamp(seconds), frame), **content)
    )


def pose(seconds: float, a_T_b: Array, kind: str = POSE, *, topic: str, frame: str = "map", child: str = "") -> Message:
    """Message of a stamped pose of any type but TF."""
    header, matrix = encoding.header(stamp(seconds), frame), encoding.pose(a_T_b)
    if kind == TRANSFORM:
        return Message(topic, kind, stamp(seconds), encoding.transform(stamp(seconds), frame, child, a_T_b))
    fields: dict[str, Any] = {"header": header, "pose": matrix}
    if kind != POSE:
        fields["pose"] = encoding.new("geometry_msgs/msg/PoseWithCovariance", pose=matrix, covariance=np.zeros(36))
    if kind == ODOMETRY:
        twist = encoding.planar_twist(0.5, 0.25)
        fields |= {"child_frame_id": child}
        fields["twist"] = encoding.new("geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=np.zeros(36))
    return Message(topic, kind, stamp(seconds), encoding.new(kind, **fields))


def odometry(seconds: float, *, topic: str = "/odom", child: str = "base_link") -> Message:
    """Wheel odometry."""
    return pose(seconds, odometry_at(seconds), ODOMETRY, topic=topic, frame="odom", child=child)


def truth(seconds: float, *, topic: str = "/ground_truth/pose") -> Message:
    """True pose of the base."""
    return pose(seconds, truth_at(seconds), topic=topic)


def tf(seconds: float, parent: str, child: str, parent_T_child: Array, *, topic: str = "/tf") -> Message:
    """Message with one transform."""
    link = encoding.transform(stamp(seconds), parent, child, parent_T_child)
    return Message(topic, TF, stamp(seconds), encoding.new(TF, transforms=[link]))


def mount(parent: str = "base_link", child: str = "camera", *, topic: str = "/tf_static") -> Message:
    """Message with the mount of the camera."""
    return tf(0.0, parent, child, BASE_T_CAMERA, topic=topic)


def images(count: int = 20, period: float = 0.2) -> list[Message]:
    """Images at equal times from 0 on, with their calibration."""
    times = [period * i for i in range(count)]
    return [part for i, t in enumerate(times) for part in (camera_info(t), image(t, i))]


def along(make: Callable[[float], Message], times: Iterable[float]) -> list[Message]:
    """Messages at times in seconds."""
    return [make(float(time)) for time in times]


def drive(count: int = 20, period: float = 0.2) -> list[Message]:
    """Messages of a drive: images, calibration, mount, odometry at 20 Hz and true poses at 10 Hz, with margins."""
    end = count * period + 0.2
    odometries = along(odometry, np.arange(-0.2, end, 0.05))
    return [mount(), *odometries, *along(truth, np.arange(-0.2, end, 0.1)), *images(count, period)]


def write_bag(path: Path, messages: Iterable[Message], storage: StoragePlugin = StoragePlugin.MCAP) -> Path:
    """Write a rosbag2 of these messages, in order of recording."""
    with Writer(path, version=9, storage_plugin=storage) as writer:
        connections: dict[str, Any] = {}
        for message in sorted(messages, key=lambda one: one.time):
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(
                    message.topic, message.kind, typestore=encoding.STORE
                )
            raw = encoding.STORE.serialize_cdr(message.content, message.kind)
            writer.write(connections[message.topic], message.time, raw)
    return path


def write_ros1_bag(path: Path, messages: Iterable[Message]) -> Path:
    """Write a ROS 1 bag of these messages."""
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", TF))
    with Writer1(path) as writer:
        connections: dict[str, Any] = {}
        for message in sorted(messages, key=lambda one: one.time):
            if message.topic not in connections:
                connections[message.topic] = writer.add_connection(message.topic, message.kind, typestore=store)
            raw = encoding.STORE.cdr_to_ros1(encoding.STORE.serialize_cdr(message.content, message.kind), message.kind)
            writer.write(connections[message.topic], message.time, raw)
    return path
