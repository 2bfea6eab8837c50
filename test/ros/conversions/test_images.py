"""Image messages to arrays and back, against OpenCV and against bytes written by hand."""

from __future__ import annotations

import array
import time
from typing import Any

import cv2
import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from localization_common.errors import InputError
from localization_common.messages import array_from, rgb_from, rgb_from_compressed
from localization_common.ros.conversions import image_from_array

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (6, 8), dtype=np.uint8)


def message(encoding: str, pixels: np.ndarray, *, padding: int = 0, bigendian: bool = False) -> Image:
    """A message built byte by byte, with padded rows."""
    rows = pixels.reshape(len(pixels), -1).astype(pixels.dtype.newbyteorder(">" if bigendian else "<"))
    raw = b"".join(row.tobytes() + b"\xaa" * padding for row in rows)
    image = Image(height=len(pixels), width=pixels.shape[1], encoding=encoding, is_bigendian=int(bigendian))
    image.step = len(raw) // len(pixels)
    image.data = array.array("B", raw)
    return image


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("rgba8", np.dstack([RGB, GRAY])),
        ("bgra8", np.dstack([RGB[..., ::-1], GRAY])),
    ],
)
def test_colour_encodings_become_the_same_rgb(encoding: str, pixels: np.ndarray, padding: int) -> None:
    np.testing.assert_array_equal(rgb_from(message(encoding, pixels, padding=padding)), RGB)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_gray_becomes_three_equal_channels(encoding: str) -> None:
    np.testing.assert_array_equal(rgb_from(message(encoding, GRAY, padding=3)), np.dstack([GRAY] * 3))


@pytest.mark.parametrize("bigendian", [False, True])
@pytest.mark.parametrize("encoding", ["rgb16", "mono16"])
def test_sixteen_bits_are_scaled_down_in_either_byte_order(encoding: str, bigendian: bool) -> None:
    eight = RGB if encoding == "rgb16" else GRAY
    pixels = eight.astype(np.uint16) * 257  # 0xffff for 0xff
    expected = RGB if encoding == "rgb16" else np.dstack([GRAY] * 3)
    np.testing.assert_array_equal(rgb_from(message(encoding, pixels, bigendian=bigendian, padding=2)), expected)


def test_floats_are_intensities() -> None:
    pixels = np.linspace(0.0, 1.0, 48, dtype=np.float32).reshape(6, 8)
    expected = np.round(pixels * 255.0)
    np.testing.assert_allclose(rgb_from(message("32FC1", pixels))[..., 1], expected, atol=1.0)


@pytest.mark.parametrize("bigendian", [False, True])
@pytest.mark.parametrize(("encoding", "dtype"), [("16UC1", "u2"), ("32FC1", "f4"), ("64FC1", "f8"), ("16SC2", "i2")])
def test_raw_layouts_keep_their_numbers(encoding: str, dtype: str, bigendian: bool) -> None:
    channels = int(encoding[-1])
    pixels = (RNG.random((6, 8, channels)) * 3000).astype(dtype)
    padding = np.dtype(dtype).itemsize
    found = array_from(message(encoding, pixels, bigendian=bigendian, padding=padding))
    np.testing.assert_array_equal(found.reshape(pixels.shape), pixels)


@pytest.mark.parametrize(
    ("encoding", "rows"),
    [("bayer_rggb8", "RG/GB"), ("bayer_bggr8", "BG/GR"), ("bayer_gbrg8", "GB/RG"), ("bayer_grbg8", "GR/BG")],
)
def test_bayer_patterns_are_named_by_their_first_row(encoding: str, rows: str) -> None:
    """A picture of one colour, seen through the filter that the encoding names, gets its colour back."""
    colour = {"R": 200, "G": 120, "B": 40}
    tile = np.array([[colour[c] for c in row] for row in rows.split("/")], dtype=np.uint8)
    rgb = rgb_from(message(encoding, np.tile(tile, (6, 8))))
    np.testing.assert_array_equal(rgb[4:-4, 4:-4].reshape(-1, 3), np.tile([200, 120, 40], (4 * 8, 1)))


@pytest.mark.parametrize(("encoding", "order"), [("yuv422", (1, 0)), ("uyvy", (1, 0)), ("yuyv", (0, 1))])
def test_yuv422_gray_and_red(encoding: str, order: tuple[int, int]) -> None:
    y, u, v = 81, 90, 240  # BT.601 red
    pair = np.array([[y, u], [y, v]], dtype=np.uint8)[:, order]
    pixels = np.tile(pair, (6, 4, 1)).reshape(6, 8, 2)
    red = rgb_from(message(encoding, pixels))
    assert np.abs(red.astype(int) - [255, 0, 0]).max() < 6


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"encoding": "rgb9"}, "unknown encoding 'rgb9'"),
        ({"encoding": ""}, "unknown encoding ''"),
        ({"encoding": "16SC2"}, "16SC2 does not say what the channels are"),
        ({"step": 7}, "step is 7 bytes, but a row of 8 pixels in rgb8 takes 24"),
        ({"step": 40}, "cut short"),
        ({"height": 3}, "step or height is wrong"),
        ({"height": 60}, "cut short"),
        ({"width": 0}, "empty"),
        ({"height": 0}, "empty"),
        ({"data": array.array("B")}, "empty"),
    ],
)
def test_contradictions_are_refused(change: dict[str, Any], reason: str) -> None:
    image = message("rgb8", RGB)
    for name, value in change.items():
        setattr(image, name, value)
    with pytest.raises(InputError) as refusal:
        rgb_from(image)
    assert reason in str(refusal.value)


def test_a_step_that_splits_pixels_is_refused() -> None:
    image = message("16UC1", GRAY.astype(np.uint16), padding=2)
    image.step += 1
    image.data = array.array("B", bytes(image.step * image.height))
    with pytest.raises(InputError, match="step is 19 bytes"):
        array_from(image)


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "NaN"), (np.inf, "NaN or infinite"), (3.5, "depth"), (-1, "depth")]
)
def test_floats_that_are_no_intensities_are_refused(value: float, reason: str) -> None:
    pixels = np.full((6, 8), 0.5, np.float32)
    pixels[2, 3] = value
    with pytest.raises(InputError, match=reason):
        rgb_from(message("32FC1", pixels))


def test_the_last_row_needs_no_padding() -> None:
    image = message("rgb8", RGB, padding=4)
    image.data = image.data[:-4]
    np.testing.assert_array_equal(rgb_from(image), RGB)


def test_reading_copies_nothing_and_protects_the_message() -> None:
    image = message("rgb8", RGB)
    view = rgb_from(image)
    assert np.shares_memory(view, np.frombuffer(image.data, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        view[0, 0, 0] = 1


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("mono8", GRAY),
        ("32FC1", np.array([[1.5, np.nan]], np.float32)),
        ("mono16", GRAY.astype(np.uint16)),
    ],
)
def test_writing_and_reading_is_the_identity(encoding: str, pixels: np.ndarray) -> None:
    header = Header(frame_id="camera")
    image = image_from_array(pixels, encoding, header)
    assert (image.header, image.encoding, image.step) == (header, encoding, pixels.strides[0])
    np.testing.assert_array_equal(array_from(image), pixels)


def test_writing_takes_slices_of_larger_arrays() -> None:
    np.testing.assert_array_equal(array_from(image_from_array(RGB[::2, ::2], "rgb8", Header())), RGB[::2, ::2])


@pytest.mark.parametrize(("pixels", "encoding"), [(GRAY, "rgb8"), (RGB, "mono8"), (RGB, "mono16"), (RGB, "hsv8")])
def test_writing_refuses_what_is_not_in_the_encoding(pixels: np.ndarray, encoding: str) -> None:
    with pytest.raises(InputError):
        image_from_array(pixels, encoding, Header())


def test_both_directions_are_fast_enough_for_video() -> None:
    """Number by number, as rclpy does it for a list or an array, a VGA image takes more than 40 ms."""
    picture = np.zeros((480, 640, 3), np.uint8)
    began = time.process_time()
    for _ in range(10):
        rgb_from(image_from_array(picture, "rgb8", Header()))
    assert (time.process_time() - began) / 10 < 0.02


@pytest.mark.parametrize("kind", [".png", ".jpg"])
def test_compressed_images_are_rgb(kind: str) -> None:
    smooth = cv2.resize(RGB, (64, 48), interpolation=cv2.INTER_CUBIC)
    data = cv2.imencode(kind, cv2.cvtColor(smooth, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 100])[1]
    rgb = rgb_from_compressed(CompressedImage(format=kind[1:], data=data.tobytes()))
    assert np.abs(rgb.astype(int) - smooth).mean() < (0.1 if kind == ".png" else 5.0)


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_compressed_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="compressed image"):
        rgb_from_compressed(CompressedImage(format="jpeg", data=data))
