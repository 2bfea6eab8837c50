"""Cases of sensor_msgs/Image in every encoding, byte by byte, with colours that are computed here."""

from __future__ import annotations

from typing import Any

import numpy as np
from message_ways import Case

from localization_common.datasets.rosbag2_encoding import header, new
from localization_common.messages import depth_from, labels_from, rgb_from

KIND = "sensor_msgs/msg/Image"
RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (6, 8, 3), dtype=np.uint8)
GRAY = RANDOM.integers(0, 256, (6, 8), dtype=np.uint8)
ALPHA = RANDOM.integers(0, 256, (6, 8), dtype=np.uint8)
COLOUR = (200, 120, 40)  # colour of a picture of one colour
PATTERNS = ("RG/GB", "BG/GR", "GB/RG", "GR/BG")


def image(encoding: str, pixels: np.ndarray, *, padding: int = 0, big: bool = False, **changes: Any) -> Any:
    """Message of rows (H, ...) of numbers, which ``width`` may reinterpret."""
    rows = pixels.reshape(len(pixels), -1).astype(pixels.dtype.newbyteorder(">" if big else "<"))
    raw = b"".join(row.tobytes() + b"\xaa" * padding for row in rows)
    fields = {
        "header": header(1, "camera"),
        "height": len(pixels),
        "width": pixels.shape[1],
        "encoding": encoding,
        "is_bigendian": int(big),
        "step": len(raw) // len(pixels),
        "data": np.frombuffer(raw, np.uint8),
    }
    return new(KIND, **{**fields, **changes})


def gray(values: np.ndarray) -> np.ndarray:
    """Image with three equal channels."""
    return np.dstack([values] * 3).astype(np.uint8)


def rgb_of_yuv(y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """RGB by BT.601 of video range, from the standard's luma weights."""
    y, u, v = ((p.astype(float) - offset) / scale for p, offset, scale in ((y, 16, 219), (u, 128, 224), (v, 128, 224)))
    red, blue = y + 2 * (1 - 0.299) * v, y + 2 * (1 - 0.114) * u
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    return np.rint(255 * np.dstack([red, green, blue]).clip(0, 1)).astype(np.uint8)


def colours() -> list[Case]:
    """Cases of channels of 8 and 16 bits."""
    bgr = RGB[..., ::-1]
    eight = {
        "rgb8": (RGB, RGB),
        "bgr8": (bgr, RGB),
        "rgba8": (np.dstack([RGB, ALPHA]), RGB),
        "bgra8": (np.dstack([bgr, ALPHA]), RGB),
        "mono8": (GRAY, gray(GRAY)),
        "8UC1": (GRAY, gray(GRAY)),
        "8UC": (GRAY, gray(GRAY)),
        "8UC3": (bgr, RGB),
        "8UC4": (np.dstack([bgr, ALPHA]), RGB),
    }
    cases = [
        Case(f"{name}, padding {padding}", KIND, image(name, pixels, padding=padding), rgb_from, expected)
        for name, (pixels, expected) in eight.items()
        for padding in (0, 5)
    ]
    for name in ("rgb", "bgr", "rgba", "bgra", "mono"):
        pixels, expected = eight[f"{name}8"]
        for big in (False, True):
            wide = image(f"{name}16", pixels.astype(np.uint16) * 257, padding=4, big=big)  # 0xffff for 0xff
            expected_wide = expected if name != "mono" else gray(GRAY)
            cases.append(Case(f"{name}16, big endian {big}", KIND, wide, rgb_from, expected_wide))
    return cases


def sixteen_bits() -> list[Case]:
    """Cases of sensors of 10 to 16 bits in 16: the largest value gives their number."""
    cases = []
    for bits in (10, 12, 14, 16):
        values = RANDOM.integers(0, 2**bits, (6, 8)).astype(np.uint16)
        values[0, 0] = 2**bits - 1
        for name in ("mono16", "16UC1"):
            expected = gray(values // 2 ** (bits - 8))
            cases.append(Case(f"{bits} bits in {name}", KIND, image(name, values, big=bits == 12), rgb_from, expected))
    shifted = (RANDOM.integers(512, 1024, (6, 8)) << 6).astype(np.uint16)
    cases.append(Case("10 bits in the upper ones", KIND, image("mono16", shifted), rgb_from, gray(shifted >> 8)))
    return cases


def mosaics() -> list[Case]:
    """Cases of a picture of one colour behind the filters of the encoding."""
    values = dict(zip("RGB", COLOUR, strict=True))
    expected = np.tile(np.array(COLOUR, np.uint8), (12, 16, 1))
    cases = []
    for pattern in PATTERNS:
        tile = np.tile(np.array([[values[c] for c in row] for row in pattern.split("/")], np.uint8), (6, 8))
        name = f"bayer_{pattern.replace('/', '').lower()}"
        cases.append(Case(f"{name}8", KIND, image(f"{name}8", tile, padding=3), rgb_from, expected, margin=2))
        deep = tile.astype(np.uint16) << 4
        deep[-1, -1] = 4095  # all of 12 bits, in the margin
        cases.append(Case(f"{name}16", KIND, image(f"{name}16", deep), rgb_from, expected, margin=3))
    return cases


def yuv() -> list[Case]:
    """Cases of YUV: brightness of each pixel, colour of pairs, of squares or of each pixel."""
    y = RANDOM.integers(16, 236, (6, 8), dtype=np.uint8)
    u, v = RANDOM.integers(90, 170, (2, 6, 4), dtype=np.uint8)
    pairs = rgb_of_yuv(y, u.repeat(2, 1), v.repeat(2, 1))
    uyvy = np.stack([u, y[:, ::2], v, y[:, 1::2]], axis=-1).reshape(6, 8, 2)
    packed = {"uyvy": uyvy, "yuv422": uyvy, "yuyv": uyvy[..., ::-1], "yuv422_yuy2": uyvy[..., ::-1]}
    cases = [
        Case(name, KIND, image(name, pixels, padding=6), rgb_from, pairs, tolerance=2)
        for name, pixels in packed.items()
    ]
    squares = rgb_of_yuv(y, u[:3].repeat(2, 0).repeat(2, 1), v[:3].repeat(2, 0).repeat(2, 1))
    for name, (first, second) in {"nv12": (u, v), "nv21": (v, u)}.items():
        rows = np.concatenate([y, np.stack([first[:3], second[:3]], axis=-1).reshape(3, 8)])
        cases.append(Case(name, KIND, image(name, rows, padding=2, height=6), rgb_from, squares, tolerance=2))
    u4, v4 = RANDOM.integers(90, 170, (2, 6, 8), dtype=np.uint8)
    rows = np.concatenate([y, np.stack([u4, v4], axis=-1).reshape(12, 8)])
    cases.append(Case("nv24", KIND, image("nv24", rows, height=6), rgb_from, rgb_of_yuv(y, u4, v4), tolerance=2))
    return cases


def floats() -> list[Case]:
    """Cases of intensities 0..1."""
    one, three = RANDOM.random((2, 6, 8, 3)).astype(np.float32)
    rounded = np.floor(three * 255 + 0.5).astype(np.uint8)
    return [
        Case("32FC1", KIND, image("32FC1", one[..., 0]), rgb_from, gray(np.floor(one[..., 0] * 255 + 0.5))),
        Case("32FC3", KIND, image("32FC3", three, big=True), rgb_from, rounded),
    ]


def refusals() -> list[Case]:
    """Cases of contradictions, and of images without colour, each with its reason."""
    short, wide = RGB.reshape(-1)[:-1], np.zeros((5, 7, 2), np.uint8)
    nan, far = np.full((6, 8), np.nan, np.float32), np.full((6, 8), 3.0, np.float32)
    odd_square = np.zeros((9, 7), np.uint8)
    table: dict[str, tuple[Any, str]] = {
        "unknown": (image("rgb9", RGB), "unknown encoding 'rgb9': publish rgb8, bgr8 or mono8"),
        "no encoding": (image("", RGB), "unknown encoding ''"),
        "two channels": (image("16SC2", np.zeros((6, 8, 2), np.int16)), "16SC2 does not name its channels"),
        "odd yuyv": (
            image("yuyv", wide),
            "7x5, but two pixels of a row share one colour in yuyv: the width must be even",
        ),
        "odd uyvy": (image("uyvy", wide), "the width must be even"),
        "odd width nv12": (image("nv12", odd_square, height=6), "7x6, but four pixels share one colour in nv12"),
        "odd height nv21": (image("nv21", np.zeros((7, 8), np.uint8), height=5), "width and height must be even"),
        "short nv12": (image("nv12", np.zeros((6, 8), np.uint8)), "48 bytes, but 9 rows of 8 bytes take 72"),
        "tiny mosaic": (image("bayer_rggb8", np.zeros((2, 2), np.uint8)), "2x2, too small for the mosaic"),
        "step too small": (image("rgb8", RGB, step=7), "step is 7 bytes, but a row of 8 pixels in rgb8 takes 24"),
        "step splits a number": (image("mono16", GRAY, step=17, width=4), "step is 17 bytes"),
        "cut short": (image("rgb8", RGB, data=short), "the image was cut short"),
        "rows missing": (image("rgb8", RGB, height=2**31), "the image was cut short"),
        "absurd width": (image("rgb8", RGB, width=2**32 - 1), "correct the driver's step"),
        "too long": (image("rgb8", RGB, height=3), "step or height is wrong"),
        "no width": (image("rgb8", RGB, width=0), "image is empty"),
        "no data": (image("rgb8", RGB, data=np.zeros(0, np.uint8)), "image is empty: 8x6, 0 bytes"),
        "not a number": (image("32FC1", nan), "48 values that are NaN or infinite"),
        "depth": (image("32FC1", far), "is this depth?"),
    }
    return [Case(name, KIND, message, rgb_from, reason) for name, (message, reason) in table.items()]


def depths() -> list[Case]:
    """Cases of depth in metres, NaN where it is unknown."""
    values = np.array([[0, 1, 1500, 65535], [2, 3, 4, 5]], np.uint16)
    metres = (values / 1000.0).astype(np.float32)
    metres[0, 0] = np.nan
    floats = np.array([[np.nan, -1.0, 0.0, np.inf], [0.25, 1e-3, 1e5, -np.inf]])
    known = np.where(np.isfinite(floats) & (floats > 0), floats, np.nan).astype(np.float32)
    huge = np.array([[1e300, 2.5]])
    table: dict[str, tuple[Any, Any]] = {
        "16UC1": (image("16UC1", values, padding=2), metres),
        "mono16, big endian": (image("mono16", values, big=True), metres),
        "32FC1": (image("32FC1", floats.astype(np.float32)), known),
        "64FC1": (image("64FC1", floats, big=True), known),
        "64FC1 beyond float32": (image("64FC1", huge), np.array([[np.nan, 2.5]], np.float32)),
        "rgb8": (image("rgb8", RGB), "depth has encoding 'rgb8'; known are 32FC1"),
    }
    tolerance = 1e-5
    return [Case(f"depth {n}", KIND, m, depth_from, expected, tolerance) for n, (m, expected) in table.items()]


def labels() -> list[Case]:
    """Cases of class ids."""
    return [
        Case("labels mono8", KIND, image("mono8", GRAY, padding=1), labels_from, GRAY),
        Case("labels 8UC1", KIND, image("8UC1", GRAY), labels_from, GRAY),
        Case("labels rgb8", KIND, image("rgb8", RGB), labels_from, "labels have encoding 'rgb8'"),
    ]


CASES = [*colours(), *sixteen_bits(), *mosaics(), *yuv(), *floats(), *refusals(), *depths(), *labels()]
