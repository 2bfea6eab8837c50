"""Kinds of compressed pictures, by their first bytes."""

from __future__ import annotations

from dataclasses import dataclass

_PNG = b"\x89PNG\r\n\x1a\n"
#: First bytes and names of formats that cannot be read here.
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


@dataclass(frozen=True)
class PictureHeader:
    """Header of a JPEG or PNG.

    Attributes:
        kind: ``JPEG`` or ``PNG``.
        width, height: pixels.
        channels: channels of a JPEG: 1 brightness, 3 colours, 4 colours of printers (CMYK); 0 for a PNG.
        body: byte at which a JPEG's coded pixels begin, or a PNG ends.
    """

    kind: str
    width: int
    height: int
    channels: int
    body: int


def kind_of(data: bytes) -> str:
    """Name of the format with these first bytes; empty if it is unknown."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == _PNG:
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return "HEIF, AVIF or MP4"
    return next((name for start, name in _OTHERS if data.startswith(start)), "")
