"""Kind and size of a compressed picture, from its first bytes: nothing is decoded."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from localization_common.errors import InputError

_PNG = b"\x89PNG\r\n\x1a\n"
#: Beginnings of what cannot be read here -> name
_OTHERS = (
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xffO\xffQ", "JPEG 2000"),
    (b"\xff\n", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"DRACO", "Draco"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\x00\x00\x00\x01", "a packet of H.264 or H.265 video"),
    (b"\x00\x00\x01", "a packet of H.264 or H.265 video"),
)
_BASELINE = (0xC0, 0xC1, 0xC2)  # the last one is progressive
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
_BARE = (0x01, *range(0xD0, 0xD8))  # markers without a segment
_START, _END, _SCAN = 0xD8, 0xD9, 0xDA


@dataclass(frozen=True)
class PictureHeader:
    """Header of a JPEG or PNG.

    Attributes:
        kind: ``JPEG`` or ``PNG``.
        width, height: pixels.
        channels: of a JPEG, 1 is brightness, 3 are colours and 4 are those of printers; 0 in a PNG.
        body: where a JPEG's coded pixels begin, or the end of a PNG, in bytes.
    """

    kind: str
    width: int
    height: int
    channels: int
    body: int


def kind_of(data: bytes) -> str:
    """Name of what the bytes begin as, or an empty one."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == _PNG:
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return "HEIF, AVIF or MP4"
    return next((name for start, name in _OTHERS if data.startswith(start)), "")


def read_jpeg_header(data: bytes) -> PictureHeader:
    """Header of a JPEG.

    Raises:
        InputError: its segments are damaged, or it is of a kind that cameras do not send.
    """
    place, frame = 2, None
    while True:
        marker, start, end = _segment(data, place)
        if marker in _BASELINE:
            if frame is not None:
                raise InputError("JPEG is damaged: it has two frame headers")
            frame = _frame(data[start:end])
        elif marker in _OTHER_FRAMES:
            raise InputError(f"JPEG is lossless or arithmetic (marker 0x{marker:02x}): publish baseline JPEG")
        elif marker in (_START, _END):
            raise InputError(f"JPEG is damaged: marker 0x{marker:02x} in its header")
        elif marker == _SCAN:
            if frame is None:
                raise InputError("JPEG is damaged: it has no frame header")
            width, height, channels = frame
            return PictureHeader("JPEG", width, height, channels, end)
        place = end


def check_jpeg_structure(data: bytes, body: int) -> None:
    """Refuse a JPEG whose coded pixels hold what cannot be there, or that does not end.

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


def read_png_header(data: bytes) -> PictureHeader:
    """Header of a PNG, after the checksums of all its parts were compared.

    Raises:
        InputError: it was cut short, or a checksum is wrong.
    """
    view, place, size = memoryview(data), 8, (0, 0)
    while True:
        if place + 12 > len(data):
            raise InputError("PNG is damaged: it was cut short")
        (length,) = struct.unpack_from(">I", data, place)
        name, end = data[place + 4 : place + 8], place + 12 + length
        if end > len(data):
            raise InputError("PNG is damaged: it was cut short")
        if zlib.crc32(view[place + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise InputError(f"PNG is damaged: the checksum of its part {name!r} is wrong")
        if place == 8:
            if name != b"IHDR" or length != 13:
                raise InputError("PNG is damaged: it does not begin with its header")
            size = struct.unpack_from(">II", data, place + 8)
        if name == b"IEND":
            return PictureHeader("PNG", size[0], size[1], 0, end)
        place = end


def _segment(data: bytes, place: int) -> tuple[int, int, int]:
    """Marker at a place, and where its content begins and ends."""
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
        raise InputError(f"JPEG is damaged: its header says {width}x{height} with {channels} channels")
    return width, height, channels
