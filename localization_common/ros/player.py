"""Publishes the messages of a bag: in its own time, faster, or as fast as the nodes keep up."""

from __future__ import annotations

import importlib
import struct
import threading
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore
from rosgraph_msgs.msg import Clock

from localization_common.errors import DatasetError
from localization_common.ros.conversions import time_from_stamp
from localization_common.ros.recorder import Recorder

IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")


class BagPlayer:
    """Replays a bag's raw messages; nothing is decoded, so any message type that is installed can be played.

    Args:
        node: publishes.
        bag: rosbag2 directory, or an .mcap or .db3 file.
        topics: which to play; None plays all whose types are installed.
        remap: topic in the bag -> topic to publish on.
        image_topic: the images that `play` counts, as named in the bag.
        clock: whether to publish /clock, for nodes with use_sim_time.

    Raises:
        DatasetError: the bag cannot be read or has no such image topic.
    """

    def __init__(
        self,
        node: Node,
        bag: str | Path,
        *,
        topics: Collection[str] | None = None,
        remap: Mapping[str, str] | None = None,
        image_topic: str = "/image",
        clock: bool = False,
    ) -> None:
        self._node, self._bag, self._image_topic = node, Path(bag), image_topic
        self._stopped = threading.Event()
        self._publishers: dict[str, Any] = {}
        self._published: dict[int, float] = {}
        with self._open() as reader:
            for connection in reader.connections:
                if topics is None or connection.topic in topics:
                    self._advertise(connection, (remap or {}).get(connection.topic, connection.topic))
        if image_topic not in self._publishers:
            raise DatasetError(f"{bag}: no images on {image_topic}; it has {sorted(self._publishers)}")
        self._clock = node.create_publisher(Clock, "/clock", 10) if clock else None

    @property
    def published(self) -> dict[int, float]:
        """Stamp of each image that was published -> when (`time.monotonic` seconds)."""
        return dict(self._published)

    def wait_for_subscribers(self, count: int = 1, timeout: float = 20.0) -> bool:
        """Wait until so many subscribers listen to the images; False after timeout. Somebody else spins the node."""
        give_up = time.monotonic() + timeout
        while self._publishers[self._image_topic].get_subscription_count() < count:
            # Matching is no event in rclpy on Humble; discovery takes longer than this.
            if time.monotonic() > give_up or self._stopped.wait(0.02):
                return False
        return True

    def play(self, *, rate: float | None = 1.0, before_image: Callable[[int], None] | None = None) -> int:
        """Publish everything; returns how many images that were.

        Args:
            rate: 1 is the bag's own time, 2 twice as fast; None does not wait at all.
            before_image: called with an image's stamp before it is published; it may wait (`keeping_up`).
        """
        images, started, first = 0, time.monotonic(), None
        with self._open() as reader:
            connections = [c for c in reader.connections if c.topic in self._publishers]
            for connection, recorded, raw in reader.messages(connections):
                first = recorded if first is None else first
                if rate is not None:
                    self._stopped.wait(max(0.0, started + (recorded - first) * 1e-9 / rate - time.monotonic()))
                if self._stopped.is_set():
                    break
                if connection.topic == self._image_topic:
                    stamp = header_stamp(raw)
                    if before_image is not None:
                        before_image(stamp)
                    self._published[stamp] = time.monotonic()
                    images += 1
                if self._clock is not None:
                    self._clock.publish(Clock(clock=time_from_stamp(recorded)))
                self._publishers[connection.topic].publish(bytes(raw))
        return images

    def stop(self) -> None:
        """End `play` from another thread."""
        self._stopped.set()

    def _open(self) -> AnyReader:
        return AnyReader([self._bag], default_typestore=get_typestore(Stores.ROS2_JAZZY))

    def _advertise(self, connection: Any, topic: str) -> None:
        package, _, name = connection.msgtype.split("/")
        try:
            message_type = getattr(importlib.import_module(f"{package}.msg"), name)
        except (ImportError, AttributeError):
            self._node.get_logger().warning(f"{connection.topic} is not played: {connection.msgtype} is not installed")
            return
        latched = connection.topic == "/tf_static"
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        depth = 10 if connection.msgtype in IMAGES else 1000
        qos = QoSProfile(depth=depth, reliability=ReliabilityPolicy.RELIABLE, durability=durability)
        self._publishers[connection.topic] = self._node.create_publisher(message_type, topic, qos)


def keeping_up(
    player: BagPlayer, recorder: Recorder, topics: Collection[str], *, in_flight: int = 4, timeout: float = 30.0
) -> Callable[[int], None]:
    """For `BagPlayer.play`: hold an image back while more than ``in_flight`` of those before it are being worked on.

    Args:
        topics: the ``processed`` topics of the nodes, which the recorder records.
        timeout: go on after this many seconds: a node that died must not stop the bag.
    """

    def wait(_: int) -> None:
        earlier = list(player.published)
        if len(earlier) < in_flight:
            return
        # Later than this one counts too: a node in which the newest image wins never reports those that it dropped.
        needed = earlier[-in_flight]

        def kept_up() -> bool:
            latest = (recorder.latest(topic) for topic in topics)
            return all(record is not None and record.stamp >= needed for record in latest)

        recorder.wait_for(kept_up, timeout)

    return wait


def header_stamp(raw: bytes | memoryview) -> int:
    """Stamp, in nanoseconds, of a serialised message that begins with a std_msgs/Header."""
    order = "<" if raw[1] & 1 else ">"
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", raw, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)
