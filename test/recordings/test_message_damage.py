"""Messages with wrong bytes: a value of the right form or an error of this package, and no warning of NumPy."""

from __future__ import annotations

import struct
import warnings

import camera_cases
import compressed_cases
import image_cases
import numpy as np
import pose_cases
import pytest
from message_ways import Case
from rosbags.serde import SerdeError

from localization_common.camera import Camera
from localization_common.datasets.rosbag2_encoding import STORE
from localization_common.errors import CameraError, InputError
from localization_common.messages import camera_from, depth_from, labels_from, rgb_from, rgb_from_compressed

GROUPS = {
    "images": image_cases.CASES,
    "compressed": compressed_cases.CASES,
    "cameras": camera_cases.CASES,
    "poses": pose_cases.CASES,
}
NUMBERS = (0, 1, 2, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FF00000, 0x7FF80000, 0x80000000)


def damaged(case: Case, random: np.random.Generator) -> bytes:
    """Serialised message with some bytes, or whole numbers, changed; the fields of its beginning most often."""
    raw = bytearray(bytes(STORE.serialize_cdr(case.message, case.kind)))
    for _ in range(int(random.integers(1, 6))):
        end = min(len(raw), 400) if random.random() < 0.8 else len(raw)
        place = int(random.integers(4, end))
        if random.random() < 0.5:
            raw[place] = int(random.integers(0, 256))
        elif (place := place // 4 * 4) + 4 <= len(raw):
            raw[place : place + 4] = struct.pack("<I", NUMBERS[int(random.integers(0, len(NUMBERS)))])
    return bytes(raw)


@pytest.mark.parametrize("group", GROUPS)
def test_wrong_bytes_give_a_value_or_our_error(group: str) -> None:
    random, read = np.random.default_rng(22), 0
    refused: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(2000):
            case = GROUPS[group][number % len(GROUPS[group])]
            try:
                message = STORE.deserialize_cdr(damaged(case, random), case.kind)
            except (SerdeError, ValueError, AssertionError, IndexError, struct.error, UnicodeDecodeError):
                continue  # rosbags cannot read it; nodes would not receive it
            try:
                value = case.read(message)
            except (InputError, CameraError) as error:
                refused.append(str(error))
                continue
            read += 1
            if isinstance(value, Camera):
                assert np.isfinite([value.fx, value.fy, value.cx, value.cy, *value.distortion]).all()
            elif group == "poses":
                assert isinstance(value, str) or np.isfinite(value).all()
            else:
                assert value.dtype in (np.uint8, np.float32)
    assert read > 100
    assert read + len(refused) > 1000
    assert all(10 < len(text) < 1000 for text in refused)


def test_hostile_texts_and_lists_do_not_fill_the_log() -> None:
    long = "x" * 1_000_000
    refused = []
    for read, message in (
        (rgb_from, image_cases.image(long, image_cases.RGB)),
        (labels_from, image_cases.image(long, image_cases.RGB)),
        (depth_from, image_cases.image(long, image_cases.RGB)),
        (depth_from, compressed_cases.compressed(long, b"1")),
        (rgb_from_compressed, compressed_cases.compressed(long, b"1")),
        (rgb_from_compressed, compressed_cases.compressed(" " * 1_000_000 + "y", b"1")),
        (rgb_from_compressed, compressed_cases.compressed(f"bayer_{long}; png compressed", compressed_cases.PNG)),
        (rgb_from_compressed, compressed_cases.compressed(f"16UC1; compressedDepth {long}", b"1")),
        (camera_from, camera_cases.info(long, camera_cases.FIVE)),
        (camera_from, camera_cases.info("plumb_bob", (0.1,) * 100_000)),
        (camera_from, camera_cases.info("fun_fair", (float("nan"),) * 100_000)),
    ):
        with pytest.raises((InputError, CameraError)) as caught:
            read(message)
        refused.append(str(caught.value))
    assert max(len(text) for text in refused) < 600
