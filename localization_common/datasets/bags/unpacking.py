"""Unpacking of compressed data within a limit: a few bytes may unpack to gigabytes."""

from __future__ import annotations

import bz2
import os
import shutil
from typing import IO

import zstandard
from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]

#: No chunk or message is unpacked to more than this: a picture of 50 million pixels; recorders write chunks of 0.8 to
#: 4 MB, or of one message that is larger.
MAX_BYTES = 160_000_000
#: A file unpacks to at most so many times its size, and these bytes; recordings of cameras to 10 times.
_MOST_TIMES, _ALWAYS = 200, 1 << 26
#: First bytes of the files that recorders compress.
_BEGINNINGS = (b"SQLite format 3", b"\x89MCAP0\r\n")
_PART = 1 << 20


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


def unpack_file(source: IO[bytes], target: IO[bytes]) -> None:
    """Unpack the zstd file of a recorder.

    Raises:
        ValueError: it unpacks to something that no recorder writes, to far more than its size, or to more than the disk
            has free.
        OSError, zstandard.ZstdError: the data is damaged.
    """
    packed, free = os.fstat(source.fileno()).st_size, shutil.disk_usage(os.path.dirname(target.name)).free
    most = min(_MOST_TIMES * packed + _ALWAYS, free // 2)
    head = source.read(64)
    source.seek(0)
    claimed = zstandard.frame_content_size(head) if head else 0
    if claimed > most:
        raise ValueError(f"it claims to be {claimed} bytes unpacked, at most {most} are read")
    written = 0
    with zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True) as stream:
        while part := stream.read(_PART):
            if written == 0 and not part.startswith(_BEGINNINGS):
                raise ValueError("it is no bag")
            written += len(part)
            if written > most:
                raise ValueError(f"it becomes more than {most} bytes")
            target.write(part)
