"""Tests of the conversion of image messages to arrays and back, with bytes written by hand."""

from __future__ import annotations

import array
import time

import numpy as np
import pytest
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from localization_common.errors import InputError
from localization_common.messages import array_from, rgb_from
from localization_common.ros.conversions import image_from_array

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (6, 8), dtype=np.uint8)


def message(encoding: str, pixels: np.ndarray, *, padding: int = 0, bigendian: bool = False) -> Image:
    """Build a message byte by byte, with padded rows."""
    rows = pixels.reshape(len(pixels), -1).astype(pixels.dtype.newbyteorder(">" if bigendian else "<"))
    raw = b"".join(row.tobytes() + b"\xaa" * padding for row in rows)
    image = Image(height=len(pixels), width=pixels.shape[1], encoding=encoding, is_bigendian=int(bigendian))
    image.step = len(raw) // len(pixels)
    image.data = array.array("B", raw)
    return image


@pytest.mark.parametrize("bigendian", [False, True])
@pytest.mark.parametrize(("encoding", "dtype"), [("16UC1", "u2"), ("32FC1", "f4"), ("64FC1", "f8"), ("16SC2", "i2")])
def test_raw_layouts_keep_their_numbers(encoding: str, dtype: str, bigendian: bool) -> None:
    channels = int(encoding[-1])
    pixels = (RNG.random((6, 8, channels)) * 3000).astype(dtype)
    padding = np.dtype(dtype).itemsize
    found = array_from(message(encoding, pixels, bigendian=bigendian, padding=padding))
    np.testing.assert_array_equal(found.reshape(pixels.shape), pixels)


def test_a_step_that_splits_pixels_is_refused() -> None:
    image = message("16UC1", GRAY.astype(np.uint16), padding=2)
    image.step += 1
    image.data = array.array("B", bytes(image.step * image.height))
    with pytest.raises(InputError, match="step is 19 bytes"):
        array_from(image)


def test_the_last_row_needs_no_padding() -> None:
    image = message("rgb8", RGB, padding=4)
    image.data = image.data[:-4]
    np.testing.assert_array_equal(rgb_from(image), RGB)


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
def test_writing_refuses_arrays_that_do_not_fit_the_encoding(pixels: np.ndarray, encoding: str) -> None:
    with pytest.raises(InputError):
        image_from_array(pixels, encoding, Header())


def test_both_directions_are_fast_enough_for_video() -> None:
    """Check the time of a VGA image; a copy number by number, as rclpy does with a list, takes more than 40 ms."""
    picture = np.zeros((480, 640, 3), np.uint8)
    began = time.process_time()
    for _ in range(10):
        rgb_from(image_from_array(picture, "rgb8", Header()))
    assert (time.process_time() - began) / 10 < 0.02
