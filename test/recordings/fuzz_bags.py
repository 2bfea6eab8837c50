"""Small bags in every storage, of serialised messages, so that any message can be left out, doubled or damaged."""

from __future__ import annotations

import math
import random
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import bag_cases as cases
import cv2
import numpy as np
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer as Writer1
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from localization_common.datasets.rosbag2_encoding import STORE, header
from localization_common.datasets.sequence import Sequence

FRAMES = 8
_STRING = "std_msgs/msg/String"
_ROS1 = get_typestore(Stores.ROS1_NOETIC)
_ROS1.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", cases.TF))


class Raw(NamedTuple):
    """Topic, type, time of recording and bytes (CDR) of one message."""

    topic: str
    kind: str
    time: int
    data: bytes


def serialised(messages: Iterable[cases.Message]) -> list[Raw]:
    """Serialise messages, in order of recording."""
    ordered = sorted(messages, key=lambda one: one.time)
    return [Raw(m.topic, m.kind, m.time, bytes(STORE.serialize_cdr(m.content, m.kind))) for m in ordered]


def drive(ending: str = "") -> list[cases.Message]:
    """Drive with few messages, and raw or compressed pictures (``.jpg``, ``.png``)."""
    end = FRAMES * 0.2 + 0.1
    messages = [cases.mount(), *cases.along(cases.odometry, np.arange(-0.1, end, 0.1))]
    messages += cases.along(cases.truth, np.arange(-0.15, end, 0.1))
    for i in range(FRAMES):
        messages += [cases.camera_info(0.2 * i), _image(0.2 * i, i, ending)]
    return messages


@cache
def drive_in_bytes(ending: str = "") -> tuple[Raw, ...]:
    """The messages of `drive` as bytes, in order of recording."""
    return tuple(serialised(drive(ending)))


def _image(seconds: float, index: int, ending: str) -> cases.Message:
    if not ending:
        return cases.image(seconds, index)
    smooth = cv2.GaussianBlur(cases.picture(index), (0, 0), 4.0)
    return cases.compressed(seconds, cv2.imencode(ending, smooth)[1].tobytes(), {".jpg": "jpeg", ".png": "png"}[ending])


def write_mcap(path: Path, messages: Iterable[Raw], **options: Any) -> None:
    """Write one .mcap file in the order of the messages."""
    with path.open("wb") as stream:
        writer = McapWriter(stream, **{"chunk_size": 4096, "compression": CompressionType.NONE, **options})
        writer.start(profile="ros2")
        channels: dict[tuple[str, str], int] = {}
        for one in messages:
            key = (one.topic, one.kind)
            if key not in channels:
                channels[key] = writer.register_channel(
                    one.topic, "cdr", writer.register_schema(one.kind, "ros2msg", b"")
                )
            writer.add_message(channels[key], one.time, one.data, one.time)
        writer.finish()


def write_db3(path: Path, messages: Iterable[Raw]) -> None:
    """Write one .db3 file with the tables of rosbag2."""
    database = sqlite3.connect(path)
    database.executescript(
        "PRAGMA synchronous=OFF;"
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, serialization_format TEXT, qos TEXT);"
        "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB);"
        "CREATE INDEX timestamp_idx ON messages (timestamp ASC);"
    )
    topics: dict[tuple[str, str], int] = {}
    for one in messages:
        number = topics.setdefault((one.topic, one.kind), len(topics) + 1)
        database.execute(
            "INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)", (number, one.time, one.data)
        )
    rows = [(number, *key) for key, number in topics.items()]
    database.executemany("INSERT INTO topics VALUES (?, ?, ?, 'cdr', '')", rows)
    database.commit()
    database.close()


def write_ros1(path: Path, messages: Iterable[Raw], compression: Writer1.CompressionFormat | None = None) -> None:
    """Write one .bag file of small chunks; bytes that are no message are written without conversion."""
    writer = Writer1(path)
    writer.chunk_threshold = 4096
    if compression is not None:
        writer.set_compression(compression)
    with writer:
        connections: dict[tuple[str, str], Any] = {}
        for one in messages:
            key = (one.topic, one.kind)
            if key not in connections:
                connections[key] = writer.add_connection(*key, typestore=_ROS1)
            writer.write(connections[key], max(one.time, 0), ros1_bytes(one))


def ros1_bytes(message: Raw) -> bytes:
    """Bytes of a message in ROS 1's format; those that are none, unchanged."""
    try:
        return bytes(STORE.cdr_to_ros1(message.data, message.kind))
    except Exception:
        return message.data


class Storage(NamedTuple):
    """Writer of bags: ending, function, and True if checksums guard the content of messages."""

    suffix: str
    write: Callable[[Path, Iterable[Raw]], None]
    guarded: bool


STORAGES = {
    "mcap": Storage(".mcap", write_mcap, True),
    "mcap-zstd": Storage(".mcap", lambda p, m: write_mcap(p, m, compression=CompressionType.ZSTD), True),
    "mcap-lz4": Storage(".mcap", lambda p, m: write_mcap(p, m, compression=CompressionType.LZ4), True),
    "mcap-unchecked": Storage(".mcap", lambda p, m: write_mcap(p, m, enable_crcs=False), False),
    "mcap-plain": Storage(".mcap", lambda p, m: write_mcap(p, m, use_chunking=False), False),
    "db3": Storage(".db3", write_db3, False),
    "bag": Storage(".bag", write_ros1, False),
    "bag-bz2": Storage(".bag", lambda p, m: write_ros1(p, m, Writer1.CompressionFormat.BZ2), True),
}


def read_all(read: Sequence) -> None:
    """Read every image a few times; raise an error where one is wrong."""
    for i in list(range(FRAMES)) * 3:
        np.testing.assert_array_equal(read.read_image(i), cases.picture(i))


def spoil(messages: list[cases.Message], chance: random.Random) -> tuple[list[Raw], str]:
    """Drop, double, move, cut, restamp or change a few messages; the changes are returned in words."""
    raw, done = serialised(messages), []
    for _ in range(chance.randint(1, 4)):
        name, change = chance.choice(list(_CHANGES.items()))
        place = chance.randrange(len(raw))
        if chance.random() < 0.5:  # one topic has few messages, another one many
            topic = chance.choice(sorted({one.topic for one in raw}))
            place = chance.choice([i for i, one in enumerate(raw) if one.topic == topic])
        done.append(f"{name} {raw[place].topic} ({place})")
        raw[place : place + 1] = change(raw[place], chance)
        if not raw:
            break
    return sorted(raw, key=lambda one: one.time), ", ".join(done)


def _moved(one: Raw, chance: random.Random) -> list[Raw]:
    return [one._replace(time=one.time + chance.randint(-2, 2) * cases.SECOND)]


def _restamped(one: Raw, chance: random.Random) -> list[Raw]:
    message: Any = STORE.deserialize_cdr(one.data, one.kind) if _is_message(one) else None
    if message is None or one.kind == _STRING:
        return [one]
    part = message.transforms[0] if one.kind == cases.TF else message
    stamp = chance.choice([0, -5, 2**31 * cases.SECOND - 1, cases.START + 3600 * cases.SECOND, cases.START, 12])
    part.header = header(stamp, part.header.frame_id)
    return [one._replace(data=bytes(STORE.serialize_cdr(message, one.kind)))]


def _not_a_number(one: Raw, chance: random.Random) -> list[Raw]:
    """Replace one number (eight aligned bytes) of the message by NaN or infinity; pictures do not change."""
    if one.kind in (cases.IMAGE, cases.COMPRESSED, _STRING) or not _is_message(one):
        return [one]
    message: Any = STORE.deserialize_cdr(one.data, one.kind)
    value = chance.choice([math.nan, math.inf, -math.inf])
    if one.kind == cases.INFO:
        name = chance.choice("kd")
        setattr(message, name, np.r_[value, getattr(message, name)[1:]])
    elif one.kind == cases.TF:
        message.transforms[0].transform.rotation.x = value
    else:
        pose = message.pose.pose if hasattr(message.pose, "pose") else message.pose
        pose.position.y = value
    return [one._replace(data=bytes(STORE.serialize_cdr(message, one.kind)))]


def _renamed(one: Raw, chance: random.Random) -> list[Raw]:
    """Replace the frame, encoding or format by an unexpected text."""
    if one.kind in (cases.TF, _STRING) or not _is_message(one):
        return [one]
    message: Any = STORE.deserialize_cdr(one.data, one.kind)
    text = chance.choice(["", "\n", "a\0b", "long" * 5000, "\x1b[2J", "ж", "%s {x}", "rgb8", "16UC1"])
    names = [name for name in ("encoding", "format", "distortion_model", "child_frame_id") if hasattr(message, name)]
    name = chance.choice([*names, "frame_id"])
    setattr(message.header if name == "frame_id" else message, name, text)
    return [one._replace(data=bytes(STORE.serialize_cdr(message, one.kind)))]


def _bomb(one: Raw, chance: random.Random) -> list[Raw]:
    """Replace a picture by one whose size in the header is larger than any memory."""
    if one.kind not in (cases.IMAGE, cases.COMPRESSED) or not _is_message(one):
        return [one]
    message: Any = STORE.deserialize_cdr(one.data, one.kind)
    if one.kind == cases.IMAGE:
        message.height, message.width, message.step = chance.choice([(2**32 - 1, 32, 96), (24, 2**31, 2**32 - 1)])
    else:
        size = chance.choice([(30000, 30000), (2**31 - 1, 1), (65535, 65535)])
        body = b"IHDR" + struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
        png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
        png += struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
        message.data = np.frombuffer(png, np.uint8)
    return [one._replace(data=bytes(STORE.serialize_cdr(message, one.kind)))]


def _is_message(one: Raw) -> bool:
    try:
        STORE.deserialize_cdr(one.data, one.kind)
    except Exception:
        return False
    return True


def _foreign(one: Raw, chance: random.Random) -> list[Raw]:
    text = STORE.types[_STRING](data="x" * chance.randint(0, 9))
    return [one._replace(kind=_STRING, data=bytes(STORE.serialize_cdr(text, _STRING)))]


_CHANGES: dict[str, Callable[[Raw, random.Random], list[Raw]]] = {
    "drop": lambda one, chance: [],
    "double": lambda one, chance: [one, one._replace(time=one.time + chance.choice([0, 1, cases.SECOND]))],
    "move": _moved,
    "cut": lambda one, chance: [one._replace(data=one.data[: chance.randrange(len(one.data) + 1)])],
    "lengthen": lambda one, chance: [one._replace(data=one.data + chance.randbytes(chance.randint(4, 99)))],
    "garble": lambda one, chance: [one._replace(data=chance.randbytes(chance.choice([0, 3, 60, 3000])))],
    "restamp": _restamped,
    "spoil": _not_a_number,
    "replace": _foreign,
    "rename": _renamed,
    "bomb": _bomb,
}
