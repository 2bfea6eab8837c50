"""Hostile bags and pictures: what expands to gigabytes, runs for ever, or has lengths that lie."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import bag_cases
import cv2
import fuzz_bags
import numpy as np
import zstandard
from hostile_bytes import Damage, write

from localization_common.datasets.rosbag2_encoding import STORE

_MAGIC = b"\x89MCAP0\r\n"


def zstd_of(part: bytes, count: int, *, claim: bool = True, head: bytes = b"") -> bytes:
    """Compress a part many times over, after a beginning."""
    compressor = zstandard.ZstdCompressor().compressobj(len(head) + len(part) * count if claim else -1)
    return b"".join([compressor.compress(head), *(compressor.compress(part) for _ in range(count)), compressor.flush()])


def record(opcode: int, body: bytes, length: int | None = None) -> bytes:
    """Record of an MCAP file, with a length that may lie."""
    return struct.pack("<BQ", opcode, len(body) if length is None else length) + body


def chunk(content: bytes, size: int, kind: bytes = b"zstd") -> bytes:
    """MCAP file of one chunk."""
    body = struct.pack("<QQQI", 0, 0, size, 0) + struct.pack("<I", len(kind)) + kind
    return _MAGIC + record(6, body + struct.pack("<Q", len(content)) + content) + _MAGIC


def sql(script: str) -> Damage:
    """Run a script in the database."""

    def change(path: Path) -> None:
        database = sqlite3.connect(path)
        database.executescript(script)
        database.close()

    return change


def looped_pages(path: Path) -> None:
    """Let all pages of the table of messages lead to one page, so that its rows have no end."""
    whole, page = bytearray(path.read_bytes()), 4096
    for start in range(page, len(whole), page):
        if whole[start] == 0x05:  # an interior page of a table: its cells begin with the number of a page
            (cells,) = struct.unpack_from(">H", whole, start + 3)
            for cell in range(cells):
                (place,) = struct.unpack_from(">H", whole, start + 12 + 2 * cell)
                whole[start + place : start + place + 4] = whole[start + 8 : start + 12]
    path.write_bytes(whole)


def message(change: Callable[[fuzz_bags.Raw], fuzz_bags.Raw], topic: str = "/image") -> Damage:
    """Change all messages of a topic of the drive."""

    def damage(path: Path) -> None:
        messages = [change(one) if one.topic == topic else one for one in fuzz_bags.drive_in_bytes()]
        path.unlink()
        storage = next(one for one in fuzz_bags.STORAGES.values() if one.suffix == path.suffix)
        storage.write(path, messages)

    return damage


def image_of(**fields: int | str) -> Callable[[fuzz_bags.Raw], fuzz_bags.Raw]:
    """Change fields of an image."""

    def change(one: fuzz_bags.Raw) -> fuzz_bags.Raw:
        content = STORE.deserialize_cdr(one.data, one.kind)
        for name, value in fields.items():
            setattr(content, name, value)
        return one._replace(data=bytes(STORE.serialize_cdr(content, one.kind)))

    return change


def lengths(value: int) -> Callable[[fuzz_bags.Raw], fuzz_bags.Raw]:
    """Replace the length of the first text of a message, the name of the frame."""
    return lambda one: one._replace(data=one.data[:12] + struct.pack("<I", value) + one.data[16:])


def numbers(value: float) -> Callable[[fuzz_bags.Raw], fuzz_bags.Raw]:
    """Replace all numbers of the camera's matrix or of a pose."""

    def change(one: fuzz_bags.Raw) -> fuzz_bags.Raw:
        content = STORE.deserialize_cdr(one.data, one.kind)
        if one.kind == bag_cases.INFO:
            content.k = np.full(9, value)
        else:
            pose = content.pose.pose if hasattr(content.pose, "pose") else content.pose
            pose.position.x = pose.position.y = value
        return one._replace(data=bytes(STORE.serialize_cdr(content, one.kind)))

    return change


#: Schema and channel 0 of an MCAP file, of images.
_CHANNEL = record(3, struct.pack("<HI", 1, 21) + b"sensor_msgs/msg/Image" + struct.pack("<II", 0, 0)) + record(
    4, struct.pack("<HHI", 0, 1, 6) + b"/image" + struct.pack("<I", 3) + b"cdr" + struct.pack("<I", 0)
)
#: Damage of messages, for every storage.
MESSAGES: dict[str, Damage] = {
    "an image of 2^32 x 2^32": message(image_of(width=2**32 - 1, height=2**32 - 1, step=2**32 - 1)),
    "an image of 60000 x 60000": message(image_of(width=60_000, height=60_000, step=180_000)),
    "an image of no width": message(image_of(width=0, step=0)),
    "an encoding of 10 MB": message(image_of(encoding="x" * 10_000_000)),
    "a text of 4 GB": message(lengths(2**32 - 1)),
    "a text longer than the message": message(lengths(1 << 20)),
    **{
        f"a camera of {value}": message(numbers(value), "/camera_info")
        for value in (float("nan"), float("inf"), 1e300, -1.0, 0.0, 1e-300)
    },
    **{f"poses at {value}": message(numbers(value), "/ground_truth/pose") for value in (float("nan"), 1e300, -1e12)},
    **{f"odometry at {value}": message(numbers(value), "/odom") for value in (float("inf"), 1e300)},
}
MCAPS: dict[str, Damage] = {
    "a chunk of 1 GB": write(lambda: chunk(zstd_of(bytes(1 << 20), 1024), 1 << 30)),
    "a chunk of 1 GB that claims 4 kB": write(lambda: chunk(zstd_of(bytes(1 << 20), 1024, claim=False), 4096)),
    "a chunk of 150 MB of zeros": write(lambda: chunk(zstd_of(bytes(1 << 20), 143), 143 << 20)),
    "a chunk of 10 million empty records": write(lambda: chunk(zstd_of(record(0x90, b""), 10_000_000), 90_000_000)),
    "a chunk of millions of empty messages": write(
        lambda: chunk(zstd_of(record(5, bytes(22)) * 1000, 3000), 31_000 * 3000)
    ),
    "a chunk of millions of empty images": write(
        lambda: chunk(zstd_of(record(5, bytes(22)) * 1000, 3000, head=_CHANNEL), len(_CHANNEL) + 31_000 * 3000)
    ),
    "an unknown compression": write(chunk(b"abc", 3, b"rar")),
    "a record of 2^63 bytes": write(_MAGIC + record(6, b"abc", 1 << 63)),
    "a name of 2^32 bytes": write(_MAGIC + record(3, struct.pack("<HI", 1, 2**32 - 1) + b"abc") + _MAGIC),
    "100000 empty records": write(_MAGIC + record(0x0F, b"") * 100_000),
}
DATABASES: dict[str, Damage] = {
    "messages is an endless view": sql(
        "DROP TABLE messages; CREATE VIEW messages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS id, 1 AS topic_id, i AS timestamp, x'00' AS data FROM n;"
    ),
    "topics is an endless view": sql(
        "DROP TABLE topics; CREATE VIEW topics AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS id, 't' AS name, 't' AS type FROM n;"
    ),
    "data is computed, 900 MB a row": sql(
        "ALTER TABLE messages RENAME TO old; CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, "
        "timestamp INTEGER, data BLOB GENERATED ALWAYS AS (zeroblob(900000000)));"
        "INSERT INTO messages(id, topic_id, timestamp) SELECT id, topic_id, timestamp FROM old;"
    ),
    "no messages": sql("DROP TABLE messages;"),
    "texts instead of numbers": sql("UPDATE messages SET timestamp = 'x', topic_id = 'y';"),
    "times before 1970": sql("UPDATE messages SET timestamp = -9223372036854775807;"),
    "names of types of 10 MB": sql("UPDATE topics SET type = hex(zeroblob(5000000));"),
    "a page that leads to itself": looped_pages,
}
PACKED: dict[str, Damage] = {
    "2 GB of zeros": write(lambda: zstd_of(bytes(1 << 20), 2048)),
    "2 GB of zeros without a size": write(lambda: zstd_of(bytes(1 << 20), 2048, claim=False)),
    "2 GB behind the right beginning": write(lambda: zstd_of(bytes(1 << 20), 2048, head=b"SQLite format 3\0")),
}


def png(width: int, height: int, pixels: bytes, *, depth: int = 8, colour: int = 2) -> bytes:
    """Picture with these compressed pixels."""

    def part(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", pixels) + part(b"IEND", b"")


def encoded(ending: str, size: int) -> bytes:
    """Black picture of another kind."""
    return bytes(cv2.imencode(ending, np.zeros((size, size, 3), np.uint8))[1])


#: Damage of pictures in folders.
PICTURES: dict[str, Damage] = {
    "PNG of 60000 x 60000": write(png(60_000, 60_000, zlib.compress(bytes(1 << 20)))),
    "PNG of 2^31 x 2^31": write(png(2**31 - 1, 2**31 - 1, b"")),
    "PNG of 0 x 0": write(png(0, 0, zlib.compress(b""))),
    "PNG with too many pixels": write(lambda: png(64, 48, zlib.compress(bytes(1 << 28)))),
    "PNG of 7000 x 7000 with too few pixels": write(
        lambda: png(7000, 7000, zlib.compress(bytes(7000 * 56_001 - 1)), depth=16, colour=6)
    ),
    "PNG with a text of 256 MB": write(
        lambda: (
            png(64, 48, zlib.compress(bytes(48 * 193)))[:-12]
            + struct.pack(">I", 1 << 28)
            + b"zTXt"
            + zlib.compress(bytes(1 << 28))
        )
    ),
    "BMP": write(lambda: encoded(".bmp", 64)),
    "TIFF of 8000 x 8000": write(lambda: encoded(".tiff", 8000)),
    "WebP of 8000 x 8000": write(lambda: encoded(".webp", 8000)),
    "GIF": write(b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(20)),
    "JPEG of 65535 x 65535": lambda path: path.write_bytes(_jpeg_of(65_535, 65_535)) and None,
}


def _jpeg_of(width: int, height: int) -> bytes:
    """JPEG whose header has this size, and whose pixels are few."""
    data = bytearray(encoded(".jpg", 64))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", height, width)
    return bytes(data)
