"""Cases of sensor_msgs/CompressedImage: real JPEGs and PNGs, with the formats of image_transport and of drivers."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import cv2
import numpy as np
from image_cases import COLOUR, PATTERNS, gray
from message_ways import Case

from localization_common.datasets.rosbag2_encoding import header, new
from localization_common.messages import depth_from, rgb_from_compressed

KIND = "sensor_msgs/msg/CompressedImage"
WIDTH, HEIGHT = 64, 48


def picture(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """RGB (H, W, 3) with shapes of many sizes, like a room's."""
    random = np.random.default_rng(seed)
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:] = np.linspace(40, 200, width)[None, :, None]
    for _ in range(20):
        x, y = random.integers(0, width), random.integers(0, height)
        w, h = random.integers(3, width // 2), random.integers(3, height // 2)
        cv2.rectangle(rgb, (int(x), int(y)), (int(x + w), int(y + h)), random.integers(0, 256, 3).tolist(), -1)
    noise = random.normal(0.0, 4.0, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def encoded(suffix: str, pixels: np.ndarray, *options: int) -> bytes:
    """File of pixels in RGB, RGBA or brightness."""
    order = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}[pixels.shape[2] if pixels.ndim == 3 else 2]
    done, data = cv2.imencode(suffix, pixels if order is None else cv2.cvtColor(pixels, order), list(options))
    assert done
    return data.tobytes()


def compressed(form: str, data: bytes) -> Any:
    """Message."""
    return new(KIND, header=header(1, "camera"), format=form, data=np.frombuffer(data, np.uint8))


def decoded(data: bytes) -> np.ndarray:
    """RGB, by OpenCV."""
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)[..., ::-1]


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Copy of a JPEG with an EXIF segment for a turn of the picture."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0" + b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """Copy of a JPEG whose header has another size."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def png_with_size(png: bytes, width: int, height: int) -> bytes:
    """Copy of a PNG whose header has another size, with the correct checksum."""
    content = b"IHDR" + struct.pack(">II", width, height) + png[24:29]
    return png[:12] + content + struct.pack(">I", zlib.crc32(content)) + png[33:]


JPEG = encoded(".jpg", picture())
PNG = encoded(".png", picture())
WIDE = (picture().astype(np.uint16) << 4) + 15  # 12 bits


def formats() -> list[Case]:
    """Cases of formats with the same meaning: a picture in colour, or a grey one."""
    drivers = ("jpeg", "jpg", "JPEG", "", "png", "rgb8; jpeg compressed", "rgb8; jpeg compressed rgb8")
    transport = [
        f"{name}; jpeg compressed bgr8" for name in ("rgb8", "bgr8", "rgba8", "yuv422", "bgr16", "bayer_rggb8")
    ]
    cases = [
        Case(f"JPEG as {form!r}", KIND, compressed(form, JPEG), rgb_from_compressed, decoded(JPEG))
        for form in (*drivers, *transport)
    ]
    for form in ("png", "rgb8; png compressed bgr8", "jpeg"):
        cases.append(Case(f"PNG as {form!r}", KIND, compressed(form, PNG), rgb_from_compressed, picture()))
    brightness = picture()[..., 1]
    grey, one = encoded(".jpg", brightness), encoded(".png", brightness)
    for form in ("jpeg", "mono8; jpeg compressed mono8", "bayer_rggb8; jpeg compressed mono8"):
        cases.append(Case(f"grey as {form!r}", KIND, compressed(form, grey), rgb_from_compressed, decoded(grey)))
    message = compressed("mono8; png compressed ", one)
    return [*cases, Case("grey PNG", KIND, message, rgb_from_compressed, gray(brightness))]


def kinds() -> list[Case]:
    """Cases of JPEGs and PNGs of other kinds, and of 16 bits."""
    progressive = encoded(".jpg", picture(), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    restarts = encoded(".jpg", picture(), cv2.IMWRITE_JPEG_RST_INTERVAL, 4)
    turned = {f"EXIF orientation {n}": with_orientation(JPEG, n) for n in (3, 6, 8)}
    alpha = encoded(".png", np.dstack([picture(), picture(1)[..., 0]]))
    deep = encoded(".png", WIDE)
    cases = [
        Case(name, KIND, compressed("jpeg", data), rgb_from_compressed, decoded(data))
        for name, data in {"progressive": progressive, "restart markers": restarts, **turned}.items()
    ]
    return [
        *cases,
        Case("alpha", KIND, compressed("rgba8; png compressed", alpha), rgb_from_compressed, picture()),
        Case("12 bits", KIND, compressed("rgb16; png compressed bgr16", deep), rgb_from_compressed, picture()),
        Case(
            "12 bits, grey",
            KIND,
            compressed("mono16; png compressed ", encoded(".png", WIDE[..., 0])),
            rgb_from_compressed,
            gray(picture()[..., 0]),
        ),
    ]


def mosaics() -> list[Case]:
    """Cases of a picture of one colour behind a mosaic of filters, compressed as brightness."""
    values = dict(zip("RGB", COLOUR, strict=True))
    expected = np.tile(np.array(COLOUR, np.uint8), (HEIGHT, WIDTH, 1))
    cases = []
    for pattern in PATTERNS:
        tile = np.array([[values[c] for c in row] for row in pattern.split("/")], np.uint8)
        mosaic = np.tile(tile, (HEIGHT // 2, WIDTH // 2))
        name = f"bayer_{pattern.replace('/', '').lower()}"
        jpeg = compressed(f"{name}8; jpeg compressed ", encoded(".jpg", mosaic, cv2.IMWRITE_JPEG_QUALITY, 100))
        cases.append(Case(f"{name}8 as JPEG", KIND, jpeg, rgb_from_compressed, expected, tolerance=4, margin=2))
        png = compressed(f"{name}8; png compressed ", encoded(".png", mosaic))
        cases.append(Case(f"{name}8 as PNG", KIND, png, rgb_from_compressed, expected, margin=2))
        deep = encoded(".png", mosaic.astype(np.uint16) * 257)
        wide = compressed(f"{name}16; png compressed ", deep)
        cases.append(Case(f"{name}16 as PNG", KIND, wide, rgb_from_compressed, expected, margin=2))
    return cases


def refusals() -> list[Case]:
    """Cases of pictures that cannot be read, with the remedy."""
    webp, tiff = encoded(".webp", picture()), encoded(".tiff", picture())
    flipped = bytearray(PNG)
    flipped[len(PNG) // 2] ^= 0xFF
    depth = struct.pack("<iff", 0, 0.0, 0.0) + encoded(".png", np.full((4, 5), 900, np.uint16))
    remedy = "only JPEG and PNG can be read: publish jpeg or png, or the raw image"
    table = {
        "WebP": ("webp", webp, f"is WebP; {remedy}"),
        "WebP called JPEG": ("jpeg", webp, f"(format 'jpeg', {len(webp)} bytes) is WebP"),
        "TIFF": ("rgb8; tiff compressed ", tiff, "is TIFF"),
        "video": ("h264", b"\0\0\0\1\x67\x42\0\x1e" * 9, "is a packet of H.264 or H.265 video"),
        "Draco": ("draco", b"\1\2\3" * 9, "is draco"),
        "text": ("jpeg", b"no picture", "begins with 6e 6f 20 70"),
        "nothing": ("jpeg", b"", "compressed image is empty"),
        "depth": ("16UC1; compressedDepth png", depth, "compressed image is depth ('16UC1; compressedDepth png')"),
        "old depth": ("16UC1; compressedDepth", depth, "name a topic of colour images"),
        "mosaic in colour": (
            "bayer_rggb8; jpeg compressed ",
            JPEG,
            "one channel, but the data is a JPEG in colour",
        ),
        "mosaic in a PNG": ("bayer_rggb8; png compressed ", PNG, "correct the publisher's format"),
        "unknown mosaic": ("bayer_rgbw8; png compressed ", PNG, "unknown mosaic 'bayer_rgbw8'"),
        "cut short": ("jpeg", JPEG[: len(JPEG) // 2], "JPEG is damaged"),
        "end missing": ("jpeg", JPEG[:-2], "JPEG is damaged"),
        "begin only": ("jpeg", JPEG[:3], "JPEG is damaged: it was cut short"),
        "PNG cut short": ("png", PNG[:-20], "PNG is damaged: it was cut short"),
        "PNG flipped": ("png", bytes(flipped), "the checksum of its part b'IDAT' is wrong"),
        "PNG begin only": ("png", PNG[:20], "PNG is damaged"),
        "large JPEG": ("jpeg", with_size(JPEG, 30000, 30000), "30000x30000"),
        "large PNG": ("png", png_with_size(PNG, 30000, 30000), "more than 50000000 pixels: it is not decoded"),
        "JPEG too short": ("jpeg", with_size(JPEG, 7000, 7000), "bytes cannot hold"),
    }
    return [
        Case(name, KIND, compressed(form, data), rgb_from_compressed, reason)
        for name, (form, data, reason) in table.items()
    ]


def depths() -> list[Case]:
    """Cases of compressed_depth_image_transport: millimetres, and quantised 1 / depth."""
    values = np.array([[0, 1, 1500, 65535], [2, 3, 4, 5]], np.uint16)
    metres = (values / 1000.0).astype(np.float32)
    metres[0, 0] = np.nan
    plain = struct.pack("<iff", 0, 0.0, 0.0) + encoded(".png", values)
    eight = bytes(12) + encoded(".png", picture()[..., 0])
    a, b = 100.0 * 101.0, 1.0 - 100.0 * 101.0 / 10.0
    inverse = struct.pack("<iff", 0, a, b) + encoded(".png", values)
    known = np.where(values > 0, a / (values - b), np.nan)
    known = np.where(known > 0, known, np.nan).astype(np.float32)
    table: dict[str, tuple[str, bytes, Any]] = {
        "16UC1": ("16UC1; compressedDepth png", plain, metres),
        "16UC1, old": ("16UC1; compressedDepth", plain, metres),
        "32FC1": ("32FC1; compressedDepth png", inverse, known),
        "RVL": ("16UC1; compressedDepth rvl", plain, "RVL cannot be read: publish it with png"),
        "colour": ("jpeg", JPEG, "name a topic of the raw depth or of compressedDepth"),
        "8 bits": ("16UC1; compressedDepth png", eight, "one channel of 16 bits"),
        "empty": ("16UC1; compressedDepth png", bytes(12), "compressed depth has 12 bytes: it is empty"),
    }
    return [
        Case(f"depth {name}", KIND, compressed(form, data), depth_from, expected, tolerance=1e-4)
        for name, (form, data, expected) in table.items()
    ]


CASES = [*formats(), *kinds(), *mosaics(), *refusals(), *depths()]
