"""rosbag2 (mcap and db3) as a `Sequence`; images are read from the bag when asked for. Needs no ROS."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader, ReaderError
from rosbags.serde import SerdeError

from localization_common.camera import Camera
from localization_common.datasets.camera_files import read_camera
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.rosbag2_encoding import STORE
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.datasets.sequence import Poses, Sequence
from localization_common.errors import CameraError, DatasetError, InputError
from localization_common.geometry import se3
from localization_common.messages import (
    camera_from,
    depth_from,
    labels_from,
    matrix_from_pose,
    matrix_from_transform,
    rgb_from,
    rgb_from_compressed,
    stamp_in,
    stamp_of,
)

T = TypeVar("T")

_IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
#: What reading damaged bytes raises, in rosbags and below it.
_DAMAGE = (
    ReaderError,
    SerdeError,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AssertionError,
    MemoryError,
    OverflowError,
    struct.error,
    sqlite3.Error,
)
_KEPT = (
    "sensor_msgs/msg/CameraInfo",
    "std_msgs/msg/String",
    "nav_msgs/msg/Odometry",
    "geometry_msgs/msg/PoseStamped",
    "tf2_msgs/msg/TFMessage",
)


def read_rosbag2(
    path: str | Path, options: RecordingOptions | None = None, *, ground_truth_required: bool = True
) -> Sequence:
    """Frames of a bag.

    Frame numbers count image periods (the median time between images) since the first image, so that lost images
    leave gaps. Ground truth and odometry are interpolated at the images' stamps; images that lie outside of the
    ground truth, or in a hole of it, are left out.

    Args:
        path: directory of a bag, or one ``.mcap`` or ``.db3`` file.
        options: ``topics``: an image topic ending in ``/compressed`` is read too; ``camera``: intrinsics, for bags
            without camera_info; ``base_frame``: frame that ground truth and odometry are poses of, where /tf_static
            says where the camera sits on it; ``max_pose_gap``.
        ground_truth_required: False takes the identity where there is no ground truth: good for replay only.

    Raises:
        DatasetError: no bag, damaged, or what is needed is not in it.
    """
    options = options or RecordingOptions()
    topics, max_pose_gap = options.topics, options.max_pose_gap or 0.5
    bag = Bag(Path(path))
    image_topic = next((t for t in (topics.image, f"{topics.image}/compressed") if len(bag.stamps(t))), None)
    if image_topic is None:
        raise DatasetError(f"{path}: no images on {topics.image}; topics are {', '.join(bag.topics) or 'none'}")
    stamps = bag.stamps(image_topic)
    keep = np.ones(len(stamps), dtype=bool)
    truth = _poses(bag, topics.ground_truth, "pose")
    map_T_base = np.tile(np.eye(4), (len(stamps), 1, 1))
    if len(truth[0]):
        map_T_base, keep = _interpolated(*truth, stamps, max_pose_gap)
    elif ground_truth_required:
        raise DatasetError(f"{path}: no ground truth on {topics.ground_truth} (geometry_msgs/PoseStamped)")
    if not keep.any():
        raise DatasetError(f"{path}: no image lies within the ground truth on {topics.ground_truth}")
    odom_T_base, in_odometry = _interpolated(*_poses(bag, topics.odom, "pose.pose"), stamps, max_pose_gap)
    base_T_camera = options.base_T_camera
    if base_T_camera is None:
        base_T_camera = _mounting(bag, topics, options.base_frame or "base_link")
    stamps = stamps[keep]
    depth_there, labels_there = (_complete(bag, topic, stamps) for topic in (topics.depth, topics.labels))
    return Sequence(
        name=Path(path).stem if Path(path).is_file() else Path(path).name,
        camera=_camera(bag, topics, path) if options.camera is None else read_camera(options.camera),
        frame_numbers=_numbers(stamps),
        stamps=stamps,
        map_T_camera=map_T_base[keep] @ base_T_camera,
        read_image=bag.reader(image_topic, stamps, _rgb_from),
        read_depth=bag.reader(topics.depth, stamps, depth_from) if depth_there else None,
        read_labels=bag.reader(topics.labels, stamps, labels_from) if labels_there else None,
        class_names=_class_names(bag, topics, path),
        base_T_camera=base_T_camera,
        odom_T_base=odom_T_base[keep] if in_odometry[keep].all() else None,
    )


class Bag:
    """Random access to a bag's messages by topic and header stamp, also from threads and forked data loaders.

    The bag is scanned once when it is opened; of images only the stamps are kept.

    Raises:
        DatasetError: no bag there, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._open: tuple[int, Reader] | None = None
        #: topic -> header stamp -> time of recording, both ns
        self._times: dict[str, dict[int, int]] = {}
        self._messages: dict[str, list[Any]] = {}
        for connection, time, raw in self._raw(self._reader().connections):
            if connection.msgtype in _IMAGES:
                self._times.setdefault(connection.topic, {})[stamp_in(raw)] = time
            elif connection.msgtype in _KEPT:
                message = self._deserialize(raw, connection)
                self._messages.setdefault(connection.topic, []).append(message)

    @property
    def topics(self) -> list[str]:
        """Names of all topics."""
        return sorted({connection.topic for connection in self._reader().connections})

    def stamps(self, topic: str) -> npt.NDArray[np.int64]:
        """(N,) header stamps of an image topic, increasing; empty if there is no such topic."""
        return np.array(sorted(self._times.get(topic, {})), dtype=np.int64)

    def messages(self, topic: str) -> list[Any]:
        """All messages of a topic that is not images, in order of recording."""
        return self._messages.get(topic, [])

    def reader(self, topic: str, stamps: npt.NDArray[np.int64], decode: Callable[[Any], T]) -> Callable[[int], T]:
        """Function that gives the decoded image of the i-th of these stamps."""

        def read(i: int) -> T:
            stamp = int(stamps[i])
            where = f"{self._path}: {topic} at {stamp} ns"
            with self._lock:
                connections = [connection for connection in self._reader().connections if connection.topic == topic]
                for connection, _, raw in self._raw(connections, self._times[topic][stamp]):
                    if stamp_in(raw) == stamp:
                        try:
                            return decode(self._deserialize(raw, connection))
                        except InputError as error:
                            raise DatasetError(f"{where}: {error}") from error
            raise DatasetError(f"{where}: message is gone; was the bag changed while it was read?")

        return read

    def _raw(
        self, connections: Collection[Connection], at: int | None = None
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Serialised messages: all, or those recorded at one time."""
        if not connections:
            return
        try:
            yield from self._reader().messages(connections, start=at, stop=None if at is None else at + 1)
        except _DAMAGE as error:
            raise DatasetError(f"{self._path}: cannot be read, the bag is damaged ({error})") from error

    def _deserialize(self, raw: bytes, connection: Connection) -> Any:
        try:
            return STORE.deserialize_cdr(raw, connection.msgtype)
        except _DAMAGE as error:
            raise DatasetError(f"{self._path}: a message on {connection.topic} is damaged ({error})") from error

    def _reader(self) -> Reader:
        # A forked process would share the file's position with its parent: each process opens its own.
        if self._open is None or self._open[0] != os.getpid():
            try:
                reader = Reader(_bag_file(self._path))
                reader.open()
            except _DAMAGE as error:
                raise DatasetError(f"{self._path}: not a complete rosbag2 ({error})") from error
            self._open = (os.getpid(), reader)
        return self._open[1]


def _bag_file(path: Path) -> Path:
    """What to open: a directory whose metadata.yaml was never written (recording was killed) has one file to read."""
    if path.is_dir() and not (path / "metadata.yaml").is_file():
        files = sorted(entry for entry in path.iterdir() if entry.suffix in (".mcap", ".db3"))
        if len(files) == 1:
            return files[0]
    return path


def _poses(bag: Bag, topic: str, field: str) -> tuple[npt.NDArray[np.int64], Poses]:
    """Stamps (N,), increasing, and transforms (N, 4, 4) of a topic of stamped poses."""
    found = {}
    for message in bag.messages(topic):
        pose = message
        for name in field.split("."):
            pose = getattr(pose, name)
        stamp = stamp_of(message.header)
        try:
            found[stamp] = matrix_from_pose(pose)
        except InputError as error:
            raise DatasetError(f"{topic} at {stamp} ns: {error}") from error
    stamps = sorted(found)
    poses = [found[stamp] for stamp in stamps]
    return np.array(stamps, dtype=np.int64), np.array(poses, dtype=np.float64).reshape(-1, 4, 4)


def _interpolated(
    known: npt.NDArray[np.int64], poses: Poses, stamps: npt.NDArray[np.int64], max_gap: float
) -> tuple[Poses, npt.NDArray[np.bool_]]:
    """Poses (N, 4, 4) at stamps, and which of them (N,) are known; unknown ones are the identity."""
    result, inside = np.tile(np.eye(4), (len(stamps), 1, 1)), np.zeros(len(stamps), dtype=bool)
    for i, (stamp, after) in enumerate(zip(stamps, np.searchsorted(known, stamps), strict=True)):
        if after < len(known) and known[after] == stamp:
            result[i], inside[i] = poses[after], True
        elif 0 < after < len(known) and known[after] - known[after - 1] <= max_gap * 1e9:
            fraction = float(stamp - known[after - 1]) / float(known[after] - known[after - 1])
            result[i], inside[i] = se3.interpolate(poses[after - 1], poses[after], fraction), True
    return result, inside


def _rgb_from(message: Any) -> npt.NDArray[np.uint8]:
    return rgb_from(message) if hasattr(message, "encoding") else rgb_from_compressed(message)


def _complete(bag: Bag, topic: str, stamps: npt.NDArray[np.int64]) -> bool:
    """Whether every image has its depth or labels; some without would make reading fail in the middle of a training."""
    return bool(np.isin(stamps, bag.stamps(topic)).all())


def _camera(bag: Bag, topics: BagTopics, path: str | Path) -> Camera:
    information = bag.messages(topics.camera_info)
    if not information:
        raise DatasetError(f"{path}: no camera_info on {topics.camera_info}; record it or give the camera yourself")
    try:
        return camera_from(information[0])
    except CameraError as error:
        raise DatasetError(f"{path}: {topics.camera_info}: {error}") from error


def _mounting(bag: Bag, topics: BagTopics, base_frame: str) -> Poses:
    """base_T_camera through the tree of /tf_static; the camera frame is the images' own."""
    edges: dict[str, tuple[str, Poses]] = {}
    for message in bag.messages(topics.tf_static):
        for transform in message.transforms:
            try:
                parent_T_child = matrix_from_transform(transform.transform)
            except InputError as error:
                raise DatasetError(f"{topics.tf_static} to {transform.child_frame_id}: {error}") from error
            edges[transform.child_frame_id] = (transform.header.frame_id, parent_T_child)
    information = bag.messages(topics.camera_info)
    frame = information[0].header.frame_id if information else "camera_optical_frame"
    base_T_camera, seen = np.eye(4), set()
    while frame != base_frame:
        if frame not in edges or frame in seen:
            return se3.BODY_T_OPTICAL.copy()
        seen.add(frame)
        frame, parent_T_child = edges[frame]
        base_T_camera = parent_T_child @ base_T_camera
    return base_T_camera


def _class_names(bag: Bag, topics: BagTopics, path: str | Path) -> tuple[str, ...]:
    found = bag.messages(topics.label_names)
    if not found:
        return ()
    try:
        return tuple(str(name) for name in json.loads(found[0].data))
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{path}: {topics.label_names} is not a JSON list of names ({error})") from error


def _numbers(stamps: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    gaps = np.diff(stamps)
    if not len(gaps):
        return np.zeros(1, dtype=np.int64)
    return np.r_[0, np.cumsum(np.maximum(1, np.rint(gaps / np.median(gaps)).astype(np.int64)))]
