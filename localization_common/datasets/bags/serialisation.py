"""Serialisations of messages in bags: CDR of ROS 2, and that of ROS 1. Others are refused by name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import zstandard

from localization_common.datasets.bags.unpacking import unpack
from localization_common.datasets.rosbag2_encoding import STORE

#: Names in the channels of MCAP files; the empty one is that of writers that leave it out.
ROS1, _ROS2 = "ros1", ("cdr", "")
#: First bytes of a message that the recorder compressed; CDR begins with 0.
_ZSTD = zstandard.FRAME_HEADER
#: Types of ROS 1 before tf2 -> today's types.
_RENAMED = {"tf/msg/tfMessage": "tf2_msgs/msg/TFMessage"}


@lru_cache(maxsize=1024)
def todays_type(kind: str) -> str:
    """Type of ROS 2; ROS 1 and some writers leave out the middle of ``sensor_msgs/msg/Image``."""
    package, _, name = kind.partition("/")
    full = f"{package}/msg/{name}" if name and "/" not in name else kind
    return _RENAMED.get(full, full)


def type_in(kind: str, encoding: str) -> str:
    """Type of messages in an encoding; where the encoding cannot be read, its name is a part of the type.

    No reader takes such a type, and messages about types and topics name the encoding.
    """
    known = encoding == ROS1 or encoding in _ROS2
    return todays_type(kind) if known else f"{todays_type(kind)} in {encoding}"


def deserialised(data: bytes | memoryview, kind: str, *, ros1: bool) -> Any:
    """Message, an object of rosbags with the fields of ROS 2.

    Messages that a recorder compressed one by one are found by their first bytes: a killed recorder writes no metadata.

    Raises:
        Exception: the bytes are damaged; of many classes.
    """
    if ros1:
        return STORE.deserialize_cdr(STORE.ros1_to_cdr(data, kind), kind)
    return STORE.deserialize_cdr(unpack("zstd", data) if data[: len(_ZSTD)] == _ZSTD else data, kind)
