"""Writers of the formats of published data, byte by byte, so that readers are not tested against themselves."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import cv2
import numpy as np


def varint(value: int) -> bytes:
    """Base-128 number of protobuf."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def block(number: int, data: bytes | str) -> bytes:
    """Protobuf field of bytes, a string or a message."""
    data = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(data)) + data


def double(number: int, value: float) -> bytes:
    """Protobuf field of 64 bits."""
    return varint(number << 3 | 1) + struct.pack("<d", value)


def example(features: dict[str, list[bytes] | list[float]], *, packed: bool = True) -> bytes:
    """Bytes of a tf.train.Example with lists of bytes or floats."""
    entries = b""
    for key, values in features.items():
        if isinstance(values[0], bytes):
            feature = block(1, b"".join(block(1, v) for v in values))  # type: ignore[arg-type]
        elif packed:
            feature = block(2, block(1, struct.pack(f"<{len(values)}f", *values)))
        else:
            feature = block(2, b"".join(varint(1 << 3 | 5) + struct.pack("<f", v) for v in values))
        entries += block(1, block(1, key) + block(2, feature))
    return block(1, entries)


def crc32c(data: bytes) -> int:
    """Checksum of Castagnoli, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def tfrecord(records: Iterable[bytes]) -> bytes:
    """Bytes of a TFRecord file."""
    out = b""
    for data in records:
        length = struct.pack("<Q", len(data))
        for part in (length, data):
            checksum = crc32c(part)
            out += part + struct.pack("<I", ((checksum >> 15 | checksum << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32)
    return out


def jpeg(image: np.ndarray) -> bytes:
    """Compressed RGB picture."""
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
    assert done
    return data.tobytes()
