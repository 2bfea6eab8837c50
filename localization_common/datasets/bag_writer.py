"""Writer of ROS 2 bags, frame by frame. Needs no ROS."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError

from localization_common.camera import Camera
from localization_common.datasets import rosbag2_encoding as encoding
from localization_common.datasets.rosbag2_topics import BagFrames, BagTopics
from localization_common.datasets.sequence import Poses
from localization_common.errors import DatasetError
from localization_common.geometry import se3

BagStorage = Literal["mcap", "sqlite3"]

_TYPES = {
    "image": "sensor_msgs/msg/Image",
    "camera_info": "sensor_msgs/msg/CameraInfo",
    "depth": "sensor_msgs/msg/Image",
    "labels": "sensor_msgs/msg/Image",
    "label_names": "std_msgs/msg/String",
    "odom": "nav_msgs/msg/Odometry",
    "ground_truth": "geometry_msgs/msg/PoseStamped",
    "tf_static": "tf2_msgs/msg/TFMessage",
}


@dataclass(frozen=True)
class OdometryReading:
    """Odometry message: pose of the base (4, 4) in the odom frame, forward (m/s) and turning (rad/s) speed."""

    stamp: int
    odom_T_base: Poses
    forward: float = 0.0
    turning: float = 0.0


class BagWriter:
    """Writer of frames and odometry into a new bag; use it in a ``with`` statement.

    Args:
        path: directory of the bag; must not exist.
        camera: intrinsics of all images.
        base_T_camera: (4, 4) pose of the camera on the robot, for /tf_static.
        start: stamp (ns) of the messages that are written once: /tf_static and label names.
        class_names: names of the label ids.
        storage: ``mcap`` or ``sqlite3`` (db3).
        topics: other topic names.
        frames: other frame names.

    Raises:
        DatasetError: the bag exists already or cannot be created.
    """

    def __init__(
        self,
        path: str | Path,
        camera: Camera,
        base_T_camera: Poses,
        *,
        start: int,
        class_names: tuple[str, ...] = (),
        storage: BagStorage = "mcap",
        topics: BagTopics | None = None,
        frames: BagFrames | None = None,
    ) -> None:
        self._camera, self._topics, self._frames = camera, topics or BagTopics(), frames or BagFrames()
        self._base_T_camera = base_T_camera
        plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._writer = Writer(Path(path), version=9, storage_plugin=plugin)
            self._writer.open()
        except (WriterError, OSError) as error:
            raise DatasetError(
                f"{path}: cannot write a bag here ({error}); remove it or choose another name"
            ) from error
        self._connections: dict[str, Connection] = {}
        mounting = encoding.transform(start, self._frames.base, self._frames.camera, base_T_camera)
        self._write("tf_static", start, transforms=[mounting])
        if class_names:
            self._write("label_names", start, data=json.dumps(list(class_names)))

    def write_frame(
        self,
        stamp: int,
        image: npt.NDArray[np.uint8],
        *,
        map_T_camera: Poses | None = None,
        depth: npt.NDArray[np.float32] | None = None,
        labels: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Write one camera image (H, W, 3) RGB with its camera_info, depth, labels and true pose, all of one stamp."""
        if map_T_camera is not None:
            truth = encoding.pose(map_T_camera @ se3.inverse(self._base_T_camera))
            self._write("ground_truth", stamp, header=encoding.header(stamp, self._frames.map), pose=truth)
        seen_from = encoding.header(stamp, self._frames.camera)
        self._write("camera_info", stamp, header=seen_from, **encoding.camera_fields(self._camera))
        if depth is not None:
            self._write_image("depth", stamp, "32FC1", depth.astype("<f4", copy=False))
        if labels is not None:
            self._write_image("labels", stamp, "mono8", labels)
        self._write_image("image", stamp, "rgb8", image)

    def write_odometry(self, sample: OdometryReading) -> None:
        """Write one wheel odometry message."""
        unknown = np.zeros(36)
        pose, twist = encoding.pose(sample.odom_T_base), encoding.planar_twist(sample.forward, sample.turning)
        self._write(
            "odom",
            sample.stamp,
            header=encoding.header(sample.stamp, self._frames.odom),
            child_frame_id=self._frames.base,
            pose=encoding.new("geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=unknown),
            twist=encoding.new("geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=unknown),
        )

    def close(self) -> None:
        """Finish the bag; an unfinished bag cannot be read."""
        self._writer.close()

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, key: str, stamp: int, **fields: Any) -> None:
        kind = _TYPES[key]
        if key not in self._connections:
            qos = encoding.quality_of_service(latched=key in ("tf_static", "label_names"))
            self._connections[key] = self._writer.add_connection(
                getattr(self._topics, key), kind, typestore=encoding.STORE, offered_qos_profiles=[qos]
            )
        raw = encoding.STORE.serialize_cdr(encoding.new(kind, **fields), kind)
        self._writer.write(self._connections[key], stamp, raw)

    def _write_image(self, key: str, stamp: int, name: str, image: npt.NDArray[np.generic]) -> None:
        if image.shape[:2] != (self._camera.height, self._camera.width):
            size = f"{self._camera.width}x{self._camera.height}"
            raise DatasetError(f"{key} of stamp {stamp} has shape {image.shape}, its camera takes {size} images")
        header = encoding.header(stamp, self._frames.camera)
        self._write(key, stamp, header=header, **encoding.image_fields(image, name))


@contextlib.contextmanager
def removed_on_failure(path: Path) -> Iterator[None]:
    """Remove the new bag at a path if its writing fails or is interrupted; a bag that was there before stays.

    Raises:
        DatasetError: the disk refuses.
    """
    there = os.path.lexists(path)
    try:
        yield
    except BaseException as error:
        if not there:
            shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, OSError | sqlite3.Error):
            reason = getattr(error, "strerror", None) or error
            raise DatasetError(f"{path}: cannot be written ({reason})") from error
        raise
