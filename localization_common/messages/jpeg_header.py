"""Segments of a JPEG: its size, and checks for damage before anything is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from localization_common.errors import InputError
from localization_common.messages.picture_kinds import PictureHeader

FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, the same with larger tables, progressive
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_BARE = (0x01, *range(0xD0, 0xD8))  # markers without a segment
_START, _END, SCAN = 0xD8, 0xD9, 0xDA
#: Largest number of scans. A progressive JPEG has about ten; each takes as long as a whole baseline JPEG.
_MAX_SCANS = 100


def read_jpeg_header(data: bytes) -> PictureHeader:
    """Header of a JPEG.

    Raises:
        InputError: its segments are damaged, or it is of a kind that cameras do not send.
    """
    frame = None
    for marker, start, end in segments(data):
        if marker in FRAMES:
            if frame is not None:
                raise InputError("JPEG is damaged: it has two frame headers")
            frame = _frame(data[start:end])
        elif marker in _OTHER_FRAMES:
            raise InputError(f"JPEG is lossless or arithmetic (marker 0x{marker:02x}): publish baseline JPEG")
    if frame is None:
        raise InputError("JPEG is damaged: it has no frame header")
    _check_length(len(data) - end, frame[0], frame[1], data.count(b"\xff\xda"))
    return PictureHeader("JPEG", *frame, end)


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Segments of the header: marker, begin and end of the content. The last one begins the coded pixels.

    Raises:
        InputError: one is damaged.
    """
    place = 2
    while True:
        marker, start, end = _segment(data, place)
        if marker in (_START, _END):
            raise InputError(f"JPEG is damaged: marker 0x{marker:02x} in its header")
        yield marker, start, end
        if marker == SCAN:
            return
        place = end


def _check_length(size: int, width: int, height: int, scans: int) -> None:
    """Refuse coded pixels that are too few or take too long to decode: each block of 8x8 pixels takes a bit or more."""
    if size < width * height // 512:
        raise InputError(f"JPEG is damaged: its header has {width}x{height}, which {size} bytes cannot hold")
    if scans > _MAX_SCANS:
        raise InputError(f"JPEG has {scans} scans, {_MAX_SCANS} are allowed: publish baseline JPEG")


def check_jpeg_structure(data: bytes, body: int) -> None:
    """Refuse a JPEG with a wrong marker among its coded pixels, or without an end.

    This finds a part of the damage only: wrong bits between two markers look like pixels.

    Raises:
        InputError: it is damaged.
    """
    place = body
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            raise InputError("JPEG is damaged: it was cut short")
        marker = data[place + 1]
        if marker == _END:
            return
        if marker == 0xFF:
            place += 1
        elif marker == 0 or marker in _BARE:
            place += 2
        elif marker in (0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE) or 0xE0 <= marker <= 0xEF:
            place = _segment(data, place)[2]
        else:
            raise InputError(f"JPEG is damaged: marker 0x{marker:02x} among its pixels")


def _segment(data: bytes, place: int) -> tuple[int, int, int]:
    """Marker at a place, and begin and end of its content."""
    if place < len(data) and data[place] != 0xFF:
        raise InputError(f"JPEG is damaged: there is no marker at byte {place}")
    while place + 1 < len(data) and data[place + 1] == 0xFF:  # markers may be preceded by any number of these
        place += 1
    if place + 2 > len(data):
        raise InputError("JPEG is damaged: it was cut short")
    marker = data[place + 1]
    if marker in _BARE or marker in (_START, _END):
        return marker, place + 2, place + 2
    if place + 4 > len(data):
        raise InputError("JPEG is damaged: it was cut short")
    end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    if end < place + 4 or end > len(data):
        raise InputError(f"JPEG is damaged: the segment 0x{marker:02x} does not fit {len(data)} bytes")
    return marker, place + 4, end


def _frame(content: bytes) -> tuple[int, int, int]:
    """Width, height and channels of a frame header."""
    if len(content) < 6:
        raise InputError("JPEG is damaged: its frame header is too short")
    precision, height, width, channels = struct.unpack_from(">BHHB", content)
    if precision != 8:
        raise InputError(f"JPEG has {precision} bits for each value: publish 8 bits, or 16 bits as PNG")
    if not width or not height or channels not in (1, 3, 4):
        raise InputError(f"JPEG is damaged: its header has {width}x{height} with {channels} channels")
    return width, height, channels
