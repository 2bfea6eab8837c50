"""Parts of a PNG that hold its pixels, checked. Other parts are removed: libpng prints their faults to the terminal."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np

from localization_common.errors import InputError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Type of colour -> number of channels, and possible bits of each.
_COLOURS = {0: (1, (1, 2, 4, 8, 16)), 2: (3, (8, 16)), 3: (1, (1, 2, 4, 8)), 4: (2, (8, 16)), 6: (4, (8, 16))}
_PALETTE = 3
#: First column, first row, step of columns and of rows of each pass of an interlaced picture.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def parts(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of each part of a PNG whose lengths and checksums were compared."""
    place = len(_SIGNATURE)
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        name = data[place + 4 : place + 8]
        yield name, data[place + 8 : place + 8 + length]
        if name == b"IEND":
            return
        place += 12 + length


def pixels_alone(data: bytes) -> bytes:
    """Copy of a PNG with its pixels only: without text, profile, transparency or animation.

    Raises:
        InputError: its header is impossible, or its pixels are damaged or too few.
    """
    found: dict[bytes, list[bytes]] = {}
    for name, content in parts(data):
        found.setdefault(name, []).append(content)
    header, palette = found[b"IHDR"][0], found.get(b"PLTE", [b""])[0]
    width, height, depth, colour, compression, filtering, interlaced = struct.unpack(">IIBBBBB", header)
    channels, depths = _COLOURS.get(colour, (0, ()))
    if depth not in depths or compression or filtering or interlaced > 1:
        raise InputError(f"PNG is damaged: it has {depth} bits, type of colour {colour}, interlacing {interlaced}")
    if colour == _PALETTE and not (0 < len(palette) <= 3 << depth and len(palette) % 3 == 0):
        raise InputError(f"PNG is damaged: its palette has {len(palette)} bytes")
    pixels = b"".join(found.get(b"IDAT", ()))
    compressed = _checked(pixels, list(_rows(width, height, channels * depth, bool(interlaced))))
    kept = [(b"IHDR", header), (b"IDAT", compressed), (b"IEND", b"")]
    if colour == _PALETTE:
        kept.insert(1, (b"PLTE", palette))
    return _SIGNATURE + b"".join(_part(name, content) for name, content in kept)


def _part(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _rows(width: int, height: int, bits: int, interlaced: bool) -> Iterator[tuple[int, int]]:
    """Number of rows and bytes in each, of the picture or of its passes; a row begins with its filter's byte."""
    for column, row, columns, rows in _PASSES if interlaced else ((0, 0, 1, 1),):
        wide, high = -((column - width) // columns), -((row - height) // rows)
        if wide > 0 and high > 0:
            yield high, 1 + (wide * bits + 7) // 8


def _checked(compressed: bytes, rows: list[tuple[int, int]]) -> bytes:
    """Check compressed pixels, and return them without the bytes that follow them."""
    expected = sum(high * length for high, length in rows)
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(compressed, expected + 1)
    except zlib.error as error:
        raise InputError(f"PNG is damaged: {error}") from error
    if len(raw) != expected:
        raise InputError(f"PNG is damaged: it holds {len(raw)} bytes of pixels or more, not {expected}")
    if not inflater.eof and (inflater.unconsumed_tail or inflater.decompress(b"", 1)):
        raise InputError(f"PNG is damaged: it holds more than {expected} bytes of pixels")
    place, bytes_of_rows = 0, np.frombuffer(raw, np.uint8)
    for high, length in rows:
        filters = bytes_of_rows[place : place + high * length : length]
        if filters.max() > 4:
            raise InputError(f"PNG is damaged: a row has the unknown filter {filters.max()}")
        place += high * length
    return compressed[: len(compressed) - len(inflater.unused_data)]
