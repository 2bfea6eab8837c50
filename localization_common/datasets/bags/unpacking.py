"""Unpacking of compressed data within a limit: a few bytes may unpack to gigabytes."""

from __future__ import annotations

import bz2

import zstandard
from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]

#: No chunk or message is unpacked to more than this; recorders write chunks of 0.8 to 4 MB.
MAX_BYTES = 1 << 29


def unpack(kind: str, data: bytes | memoryview, size: int = MAX_BYTES) -> bytes:
    """Unpack data that was compressed by ``zstd``, ``lz4`` or ``bz2``, or not at all (``none`` or empty).

    Args:
        kind: name of the compression.
        data: compressed data.
        size: largest number of bytes after unpacking.

    Raises:
        ValueError: the kind is unknown, or the data unpacks to more bytes.
        OSError, EOFError, RuntimeError, zstandard.ZstdError: the data is damaged.
    """
    if size > MAX_BYTES:
        raise ValueError(f"it claims to be {size} bytes, at most {MAX_BYTES} are read")
    if kind == "zstd":
        claimed = zstandard.frame_content_size(data)
        if claimed > size:
            raise ValueError(f"it claims to be {claimed} bytes, at most {size} are expected")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    if kind == "lz4":
        return _complete(LZ4FrameDecompressor(), data, size)
    if kind == "bz2":
        return _complete(bz2.BZ2Decompressor(), data, size)
    if kind in ("", "none"):
        return bytes(data)
    raise ValueError(f"its compression {kind[:20]!r} is not known")


def _complete(unpacker: LZ4FrameDecompressor | bz2.BZ2Decompressor, data: bytes | memoryview, size: int) -> bytes:
    result = bytes(unpacker.decompress(data, max_length=size + 1))
    if len(result) > size:
        raise ValueError(f"it becomes more than {size} bytes")
    if not unpacker.eof:
        raise EOFError("it ends too early")
    return result
