"""Malformed images, raw and compressed, for `hammer`: each must be refused, with any stamp."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CompressedImage, Image

from localization_common.errors import InputError
from localization_common.messages import rgb_from_compressed
from localization_common.ros.outputs import header

Picture = npt.NDArray[np.uint8]
#: Side in pixels of an image that is huge after decompression: 2.7 GB of RGB.
BOMB = 30_000


def raw(picture: Picture, stamp: int, frame_id: str, **changes: Any) -> Image:
    """Image message of a picture (H, W, 3), with some fields changed."""
    height, width = picture.shape[:2]
    fields: dict[str, Any] = {
        "header": header(stamp, frame_id), "encoding": "rgb8", "width": width, "height": height, "step": 3 * width,
    }  # fmt: skip
    fields |= changes
    message = Image(**{name: value for name, value in fields.items() if name != "data"})
    message.data = fields.get("data", picture.tobytes())
    return message


def compressed(data: bytes, stamp: int, frame_id: str, form: str = "rgb8; jpeg compressed bgr8") -> CompressedImage:
    """CompressedImage message of bytes."""
    return CompressedImage(header=header(stamp, frame_id), format=form, data=data)


def jpeg(picture: Picture) -> bytes:
    """JPEG of a picture (H, W, 3) RGB."""
    return bytes(cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def png(picture: Picture) -> bytes:
    """PNG of a picture (H, W, 3) RGB."""
    return bytes(cv2.imencode(".png", picture[:, :, ::-1])[1])


def with_exif(data: bytes, orientation: int) -> bytes:
    """Add an EXIF segment to a JPEG."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    body = b"Exif\0\0II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 0)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def constant(picture: Picture, random: np.random.Generator) -> Picture:
    """Picture of one random colour."""
    return np.full_like(picture, random.integers(0, 256, 3).astype(np.uint8))


RawKind = Callable[[Picture, np.random.Generator], tuple[Picture, dict[str, Any]]]


def _other_size(picture: Picture, random: np.random.Generator) -> tuple[Picture, dict[str, Any]]:
    height, width = picture.shape[:2]
    sizes = ((2 * width, 2 * height), (width - 1, height), (height, width), (width, height + 1), (1, 1))
    other = cv2.resize(picture, sizes[int(random.integers(len(sizes)))])
    return np.ascontiguousarray(other, dtype=np.uint8), {}


def _odd_yuv(picture: Picture, random: np.random.Generator) -> tuple[Picture, dict[str, Any]]:
    height, width = picture.shape[:2]
    encoding = ("yuv422", "yuv422_yuy2", "nv21", "nv24")[int(random.integers(4))]
    return picture, {"encoding": encoding, "width": width - 1, "height": height - 1, "step": 2 * width - 2}


def _numbers(picture: Picture, random: np.random.Generator) -> tuple[Picture, dict[str, Any]]:
    height, width = picture.shape[:2]
    values = np.full((height, width), (np.nan, np.inf, 1e38)[int(random.integers(3))], dtype=np.float32)
    return picture, {"encoding": "32FC1", "step": 4 * width, "data": values.tobytes()}


def _choice(name: str, *values: Any) -> RawKind:
    return lambda picture, random: (picture, {name: values[int(random.integers(len(values)))]})


def _cut(picture: Picture, random: np.random.Generator) -> tuple[Picture, dict[str, Any]]:
    return picture, {"data": picture.tobytes()[: int(random.integers(0, picture.size))]}


def _huge(picture: Picture, random: np.random.Generator) -> tuple[Picture, dict[str, Any]]:
    side = (100_000, 2**31, 2**32 - 1)[int(random.integers(3))]
    return picture, {"width": side, "height": side, "step": (3 * side) % 2**32, "data": b"0123456789"}


RAW: dict[str, RawKind] = {
    "step": _choice("step", 0, 1, 7, 2**31, 2**32 - 1),
    "short data": _cut,
    "no data": _choice("data", b""),
    "encoding": _choice("encoding", "", "banana", "rgb", "bayer_zzzz8", "64FC2", "8UC5", "x" * 10_240),
    "numbers": _numbers,
    "odd YUV": _odd_yuv,
    "zero size": _choice("width", 0),
    "zero height": _choice("height", 0),
    "huge size": _huge,
    "other size": _other_size,
    "constant": lambda picture, random: (constant(picture, random), {}),
}


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png_bomb(picture: Picture, random: np.random.Generator) -> bytes:
    size = struct.pack(">IIBBBBB", BOMB, BOMB, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", size) + _png_chunk(b"IDAT", rows) + _png_chunk(b"IEND", b"")


def _text_bomb(picture: Picture, random: np.random.Generator) -> bytes:
    """PNG of the right size and one colour, with a text that is 50 MB after decompression."""
    data = png(constant(picture, random))
    return data[:33] + _png_chunk(b"zTXt", b"Comment\0\0" + _TEXT) + data[33:]


_TEXT = zlib.compress(bytes(50_000_000), 9)


def _few_rows(picture: Picture, random: np.random.Generator) -> bytes:
    """PNG of the right size, with right checksums, and with pixels for some of its rows only."""
    height, width = picture.shape[:2]
    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes((3 * width + 1) * int(random.integers(height))))
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", size) + _png_chunk(b"IDAT", rows) + _png_chunk(b"IEND", b"")


def _jpeg_bomb(picture: Picture, random: np.random.Generator) -> bytes:
    data = bytearray(jpeg(picture[:16, :16]))
    frame = data.index(b"\xff\xc0")
    side = (BOMB, 65_535)[int(random.integers(2))]
    data[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(data)


def _flipped(picture: Picture, random: np.random.Generator) -> bytes:
    """Image with twenty wrong bytes that the decoder refuses; no node can detect an error that decodes cleanly."""
    while True:
        data = bytearray((jpeg, png)[int(random.integers(2))](picture))
        for place in random.integers(2, len(data), 20):
            data[int(place)] = int(random.integers(256))
        try:
            rgb_from_compressed(CompressedImage(format="jpeg", data=bytes(data)))
        except InputError:
            return bytes(data)


def _truncated(picture: Picture, random: np.random.Generator) -> bytes:
    data = (jpeg, png)[int(random.integers(2))](picture)
    return data[: int(random.integers(1, len(data) - 40))]


def _foreign(picture: Picture, random: np.random.Generator) -> bytes:
    others = [bytes(cv2.imencode(end, picture)[1]) for end in (".bmp", ".webp", ".tiff")]
    others += [random.bytes(5000), b"GIF89a" + bytes(100), b"\xff\xd8", b"\xff\xd8\xff\xe1\xff\xff" + bytes(50), b"\0"]
    return others[int(random.integers(len(others)))]


def _exif_broken(picture: Picture, random: np.random.Generator) -> bytes:
    data = jpeg(constant(picture, random))
    return data[:2] + b"\xff\xe1\xff\xf0Exif\0\0" + random.bytes(60) + data[2:]


COMPRESSED: dict[str, tuple[Callable[[Picture, np.random.Generator], bytes], str]] = {
    "JPEG bomb": (_jpeg_bomb, "rgb8; jpeg compressed bgr8"),
    "PNG bomb": (_png_bomb, "rgb8; png compressed bgr8"),
    "PNG text bomb": (_text_bomb, "rgb8; png compressed bgr8"),
    "few rows": (_few_rows, "rgb8; png compressed bgr8"),
    "flipped bytes": (_flipped, "jpeg"),
    "truncated": (_truncated, "rgb8; jpeg compressed bgr8"),
    "no data": (lambda picture, random: b"", "jpeg"),
    "foreign": (_foreign, "rgb8; jpeg compressed bgr8"),
    "broken EXIF": (_exif_broken, "jpeg"),
    "mosaic": (lambda picture, random: jpeg(picture), "bayer_rggb8; jpeg compressed"),
    "depth": (lambda picture, random: png(picture), "16UC1; compressedDepth png"),
    "long format": (lambda picture, random: random.bytes(100), "x" * 10_240),
    "other size": (lambda picture, random: jpeg(_other_size(picture, random)[0]), "jpeg"),
    "constant": (lambda picture, random: jpeg(constant(picture, random)), "jpeg"),
}
