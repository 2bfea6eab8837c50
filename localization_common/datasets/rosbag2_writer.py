"""Any `Sequence` as a ROS 2 bag, and the command ``sequence_to_bag``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_typestore

from localization_common.camera import Camera
from localization_common.datasets.sequence import Poses, Sequence
from localization_common.errors import DatasetError
from localization_common.geometry import se3

Storage = Literal["mcap", "sqlite3"]

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
class BagTopics:
    """Topic names of a bag."""

    image: str = "/image"
    camera_info: str = "/camera_info"
    depth: str = "/depth"
    labels: str = "/labels"
    label_names: str = "/label_names"
    odom: str = "/odom"
    ground_truth: str = "/ground_truth/pose"
    tf_static: str = "/tf_static"


@dataclass(frozen=True)
class BagFrames:
    """Frame names of a bag (REP-105)."""

    map: str = "map"
    odom: str = "odom"
    base: str = "base_link"
    camera: str = "camera_optical_frame"


@dataclass(frozen=True)
class OdometrySample:
    """One wheel odometry message: pose of the base (4, 4) in the odom frame, forward (m/s) and turning (rad/s) speed."""

    stamp: int
    odom_T_base: Poses
    forward: float = 0.0
    turning: float = 0.0


class BagWriter:
    """Writes frames and odometry into a new bag; use it in a ``with`` statement.

    Args:
        path: directory of the bag; must not exist.
        camera: intrinsics of all images.
        base_T_camera: (4, 4) camera on the robot, for /tf_static.
        start: stamp (ns) of what is written once: /tf_static and label names.
        class_names: names of the label ids.
        storage: ``mcap`` or ``sqlite3`` (db3).

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
        storage: Storage = "mcap",
        topics: BagTopics | None = None,
        frames: BagFrames | None = None,
    ) -> None:
        self._camera, self._topics, self._frames = camera, topics or BagTopics(), frames or BagFrames()
        self._base_T_camera = base_T_camera
        self._store = get_typestore(Stores.ROS2_JAZZY)
        plugin = StoragePlugin.MCAP if storage == "mcap" else StoragePlugin.SQLITE3
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._writer = Writer(Path(path), version=9, storage_plugin=plugin)
            self._writer.open()
        except (WriterError, OSError) as error:
            raise DatasetError(f"{path}: cannot write a bag here ({error}); remove it or choose another name") from error
        self._connections: dict[str, Any] = {}
        transform = self._new(
            "geometry_msgs/msg/TransformStamped",
            header=self._header(start, self._frames.base),
            child_frame_id=self._frames.camera,
            transform=self._transform(base_T_camera),
        )
        self._write("tf_static", start, transforms=[transform])
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
        """Write one camera image (H, W, 3) RGB with its camera_info and whatever belongs to it, all with one stamp (ns)."""
        if map_T_camera is not None:
            map_T_base = map_T_camera @ se3.inverse(self._base_T_camera)
            self._write(
                "ground_truth", stamp, header=self._header(stamp, self._frames.map), pose=self._pose(map_T_base)
            )
        self._write("camera_info", stamp, **self._camera_info(stamp))
        if depth is not None:
            self._write_image("depth", stamp, "32FC1", depth.astype("<f4", copy=False))
        if labels is not None:
            self._write_image("labels", stamp, "mono8", labels)
        self._write_image("image", stamp, "rgb8", image)

    def write_odometry(self, sample: OdometrySample) -> None:
        """Write one wheel odometry message."""
        zero = np.zeros(36)
        vector = "geometry_msgs/msg/Vector3"
        twist = self._new(
            "geometry_msgs/msg/Twist",
            linear=self._new(vector, x=sample.forward, y=0.0, z=0.0),
            angular=self._new(vector, x=0.0, y=0.0, z=sample.turning),
        )
        self._write(
            "odom",
            sample.stamp,
            header=self._header(sample.stamp, self._frames.odom),
            child_frame_id=self._frames.base,
            pose=self._new("geometry_msgs/msg/PoseWithCovariance", pose=self._pose(sample.odom_T_base), covariance=zero),
            twist=self._new("geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=zero),
        )

    def close(self) -> None:
        """Finish the bag; without this it cannot be read."""
        self._writer.close()

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _write(self, key: str, stamp: int, **fields: Any) -> None:
        kind = _TYPES[key]
        if key not in self._connections:
            qos = [_qos(latched=key in ("tf_static", "label_names"))]
            topic = getattr(self._topics, key)
            self._connections[key] = self._writer.add_connection(
                topic, kind, typestore=self._store, offered_qos_profiles=qos
            )
        message = self._new(kind, **fields)
        self._writer.write(self._connections[key], stamp, self._store.serialize_cdr(message, kind))

    def _write_image(self, key: str, stamp: int, encoding: str, image: npt.NDArray[np.generic]) -> None:
        if image.shape[:2] != (self._camera.height, self._camera.width):
            size = f"{self._camera.width}x{self._camera.height}"
            raise DatasetError(f"{key} of stamp {stamp} has shape {image.shape}, its camera takes {size} images")
        contiguous = np.ascontiguousarray(image)
        self._write(
            key,
            stamp,
            header=self._header(stamp, self._frames.camera),
            height=image.shape[0],
            width=image.shape[1],
            encoding=encoding,
            is_bigendian=0,
            step=contiguous.strides[0],
            data=contiguous.reshape(-1).view(np.uint8),
        )

    def _camera_info(self, stamp: int) -> dict[str, Any]:
        camera = self._camera
        projection = np.concatenate([camera.matrix, np.zeros((3, 1))], axis=1)
        window = self._new(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        return {
            "header": self._header(stamp, self._frames.camera),
            "height": camera.height,
            "width": camera.width,
            "distortion_model": camera.distortion_model,
            "d": np.array(camera.distortion or (0.0,) * 5, dtype=np.float64),
            "k": camera.matrix.reshape(-1),
            "r": np.eye(3).reshape(-1),
            "p": projection.reshape(-1),
            "binning_x": 0,
            "binning_y": 0,
            "roi": window,
        }

    def _new(self, kind: str, **fields: Any) -> Any:
        return self._store.types[kind](**fields)

    def _header(self, stamp: int, frame: str) -> Any:
        time = self._new("builtin_interfaces/msg/Time", sec=int(stamp // 10**9), nanosec=int(stamp % 10**9))
        return self._new("std_msgs/msg/Header", stamp=time, frame_id=frame)

    def _pose(self, a_T_b: Poses) -> Any:
        position, rotation = self._position_and_rotation("geometry_msgs/msg/Point", a_T_b)
        return self._new("geometry_msgs/msg/Pose", position=position, orientation=rotation)

    def _transform(self, a_T_b: Poses) -> Any:
        translation, rotation = self._position_and_rotation("geometry_msgs/msg/Vector3", a_T_b)
        return self._new("geometry_msgs/msg/Transform", translation=translation, rotation=rotation)

    def _position_and_rotation(self, kind: str, a_T_b: Poses) -> tuple[Any, Any]:
        (x, y, z), (qw, qx, qy, qz) = (part.tolist() for part in se3.to_parts(a_T_b))
        return self._new(kind, x=x, y=y, z=z), self._new("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw)


def _qos(*, latched: bool) -> Qos:
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    forever = QosTime(9223372036, 854775807)
    return Qos(
        QosHistory.KEEP_LAST,
        1 if latched else 10,
        QosReliability.RELIABLE,
        durability,
        forever,
        forever,
        QosLiveliness.AUTOMATIC,
        forever,
        False,
    )


def write_sequence(
    sequence: Sequence,
    path: str | Path,
    *,
    odometry: Iterable[OdometrySample] | None = None,
    storage: Storage = "mcap",
    topics: BagTopics | None = None,
) -> None:
    """Write a whole sequence as a bag, in order of stamps.

    Args:
        sequence: frames; ground truth, depth and labels go along where the sequence has them.
        path: directory of the bag; must not exist.
        odometry: wheel odometry of the drive in order of stamps; None takes the sequence's own, if it has one.
        storage: ``mcap`` or ``sqlite3``.
        topics: other topic names.

    Raises:
        DatasetError: the bag exists already, or a frame does not fit the camera.
    """
    if odometry is None:
        poses = [] if sequence.odom_T_base is None else sequence.odom_T_base
        odometry = [OdometrySample(int(s), p) for s, p in zip(sequence.stamps, poses, strict=False)]
    waiting = sorted(odometry, key=lambda sample: sample.stamp)
    start = min(int(sequence.stamps[0]), waiting[0].stamp) if waiting else int(sequence.stamps[0])
    names = sequence.class_names
    with BagWriter(
        path, sequence.camera, sequence.base_T_camera, start=start, class_names=names, storage=storage, topics=topics
    ) as writer:
        sent = 0
        for i, stamp in enumerate(sequence.stamps.tolist()):
            while sent < len(waiting) and waiting[sent].stamp <= stamp:
                writer.write_odometry(waiting[sent])
                sent += 1
            writer.write_frame(
                stamp,
                sequence.read_image(i),
                map_T_camera=sequence.map_T_camera[i],
                depth=None if sequence.read_depth is None else sequence.read_depth(i),
                labels=None if sequence.read_labels is None else sequence.read_labels(i),
            )
        for sample in waiting[sent:]:
            writer.write_odometry(sample)
