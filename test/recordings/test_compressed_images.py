"""Compressed images: formats, EXIF, decompression bombs and damage."""

from __future__ import annotations

import contextlib
import itertools
import resource
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from compressed_cases import (
    CASES,
    HEIGHT,
    JPEG,
    PNG,
    WIDTH,
    compressed,
    decoded,
    encoded,
    picture,
    png_with_size,
    with_orientation,
    with_size,
)
from message_ways import Case, assert_right, assert_same, outcome, through_bag, through_ros

from localization_common.errors import InputError
from localization_common.messages import jpeg, rgb_from_compressed, unnoticed_damage


@pytest.fixture(scope="module")
def from_bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Cases that were written to one bag and read from it."""
    return through_bag(CASES, Path(tmp_path_factory.mktemp("compressed")))


@pytest.fixture(params=["simplejpeg", "OpenCV"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of the JPEG decoder, of two; the second is used where the first is not installed."""
    if request.param == "OpenCV":
        monkeypatch.setattr(jpeg, "simplejpeg", None)
    elif jpeg.simplejpeg is None:
        pytest.skip("simplejpeg is not installed")
    return str(request.param)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bags_and_nodes_read_the_same(case: Case, from_bag: dict[str, Any], decoder: str) -> None:
    value = outcome(case, from_bag[case.name])
    assert_right(case, value)
    assert_same(value, outcome(case, through_ros(case)))


def test_opencv_alone_would_turn_the_picture() -> None:
    """Check that the cases with EXIF can fail."""
    data = np.frombuffer(with_orientation(JPEG, 6), np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape == (WIDTH, HEIGHT, 3)
    assert rgb_from_compressed(compressed("jpeg", data.tobytes())).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("data", [JPEG, PNG], ids=["JPEG", "PNG"])
def test_another_size_than_that_of_camera_info_is_refused(data: bytes) -> None:
    message = compressed("", data)
    assert rgb_from_compressed(message, size=(WIDTH, HEIGHT)).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(InputError, match="image is 64x48, but camera_info has 640x480"):
        rgb_from_compressed(message, size=(640, 480))


def test_the_number_of_pixels_can_be_limited() -> None:
    assert rgb_from_compressed(compressed("", JPEG), max_pixels=WIDTH * HEIGHT).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(InputError, match="64x48, more than 3071 pixels"):
        rgb_from_compressed(compressed("", JPEG), max_pixels=WIDTH * HEIGHT - 1)


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(with_size(JPEG, 30000, 30000), id="JPEG"),
        pytest.param(with_size(JPEG, 7000, 7000), id="JPEG below the limit"),
        pytest.param(with_size(JPEG, 65500, 700), id="wide JPEG"),
        pytest.param(png_with_size(PNG, 30000, 30000), id="PNG"),
        pytest.param(png_with_size(PNG, 2**31 - 1, 2**31 - 1), id="largest PNG"),
        pytest.param(JPEG[:-2] + JPEG[JPEG.index(b"\xff\xda") : -2] * 2000 + b"\xff\xd9", id="many scans"),
    ],
)
def test_bombs_cost_neither_time_nor_memory(bomb: bytes, decoder: str) -> None:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(InputError):
        rgb_from_compressed(compressed("jpeg", bomb))
    assert time.process_time() - began < 0.1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


def flipped(data: bytes, seed: int, count: int) -> bytes:
    """Change so many bytes of a JPEG, except its header and its end, whose damage is always found."""
    random, damaged = np.random.default_rng(seed), bytearray(data)
    begin = data.index(b"\xff\xda") + 14
    for place in random.integers(begin, len(data) - 2, count):
        damaged[place] ^= int(random.integers(1, 256))
    return bytes(damaged)


@pytest.mark.parametrize("quality", [60, 80, 95])
def test_wrong_pictures_of_damaged_jpegs_are_refused(quality: int, decoder: str) -> None:
    """Test damage that libjpeg decodes with a warning; OpenCV ignores it, and nearly all its pictures are wrong."""
    wrong_with_opencv, wrong = 0, 0
    for seed in range(100):
        whole = encoded(".jpg", picture(seed, 160, 120), cv2.IMWRITE_JPEG_QUALITY, quality)
        data = flipped(whole, seed, 20)
        expected = decoded(whole).astype(int)
        alone = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if alone is not None and alone.shape == expected.shape:
            wrong_with_opencv += bool(np.abs(alone[..., ::-1] - expected).mean() > 3.0)
        with contextlib.suppress(InputError):
            found = rgb_from_compressed(compressed("jpeg", data))
            wrong += bool(np.abs(found - expected).mean() > 3.0)
    assert wrong_with_opencv > 90
    assert wrong <= (0 if decoder == "simplejpeg" else 3), f"{wrong} of 100 wrong pictures were not noticed"


def extremes() -> dict[str, np.ndarray]:
    """Pictures at the limits of the range of pixels."""
    random = np.random.default_rng(3)
    coarse, fine = (random.integers(0, 2, (120 // n, 160 // n, 3)).astype(np.uint8) * 255 for n in (8, 2))
    colours = {"white": (255, 255, 255), "black": (0, 0, 0), "red": (255, 0, 0), "blue": (0, 0, 255)}
    return {
        "blocks": np.kron(coarse, np.ones((8, 8, 1), np.uint8)),
        "checks": np.kron(fine, np.ones((2, 2, 1), np.uint8)),
        **{name: np.full((61, 67, 3), colour, np.uint8) for name, colour in colours.items()},
    }


@pytest.mark.parametrize("name", extremes())
def test_whole_jpegs_of_extreme_pictures_are_read(name: str, decoder: str) -> None:
    options = {
        cv2.IMWRITE_JPEG_QUALITY: (5, 30, 80, 95, 100),
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: (0x221111, 0x211111, 0x111111, 0x121111, 0x411111),
        cv2.IMWRITE_JPEG_PROGRESSIVE: (0, 1),
    }
    for values in itertools.product(*options.values()):
        data = encoded(".jpg", extremes()[name], *itertools.chain(*zip(options, values, strict=True)))
        np.testing.assert_array_equal(rgb_from_compressed(compressed("jpeg", data)), decoded(data))
    data = encoded(".jpg", extremes()[name][..., 0])
    np.testing.assert_array_equal(rgb_from_compressed(compressed("mono8; jpeg compressed", data)), decoded(data))


def test_a_robot_without_simplejpeg_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg, "simplejpeg", None)
    assert "pip install simplejpeg" in unnoticed_damage()
    monkeypatch.setattr(jpeg, "simplejpeg", object())
    assert unnoticed_damage() == ""


def test_damage_of_any_kind_gives_a_picture_or_our_error(decoder: str) -> None:
    random = np.random.default_rng(1)
    for data in (JPEG, PNG):
        for seed in range(100):
            damaged = bytearray(flipped(data, seed, 3) if data is JPEG else data)
            for place in random.integers(0, min(len(data), 700), int(random.integers(0, 6))):
                damaged[place] = random.integers(0, 256)
            del damaged[len(data) - int(random.integers(0, 40)) :]
            try:
                found = rgb_from_compressed(compressed("jpeg", bytes(damaged)), max_pixels=100_000)
            except InputError:
                continue
            assert found.dtype == np.uint8
            assert found.ndim == 3


def png_of(picture: np.ndarray, *, rows: bytes | None = None, extra: tuple[bytes, bytes] = (b"", b"")) -> bytes:
    """Bytes of a PNG of 8 bits of colour, with other rows or with one more part."""
    height, width = picture.shape[:2]
    plain = np.hstack([np.zeros((height, 1), np.uint8), picture.reshape(height, -1)]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = (b"IDAT", zlib.compress(plain if rows is None else rows))
    chunks = [(b"IHDR", header), *([extra] if extra[0] else []), pixels, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


TEXT_BOMB = (b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000), 9))
SMALL = np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 16, 3)


@pytest.mark.parametrize("extra", [TEXT_BOMB, (b"iCCP", b"\0\0\0"), (b"tRNS", b"\0"), (b"eXIf", b"nonsense")])
def test_parts_of_a_png_without_pixels_are_neither_read_nor_reported(
    extra: tuple[bytes, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    np.testing.assert_array_equal(rgb_from_compressed(compressed("png", png_of(SMALL, extra=extra))), SMALL)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("rows", [b"", bytes(49 * 11), bytes(49 * 13), b"\x05" * 49 * 12], ids=str)
def test_a_png_whose_pixels_are_wrong_is_refused_without_a_line_of_libpng(
    rows: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="PNG is damaged"):
        rgb_from_compressed(compressed("png", png_of(SMALL, rows=rows)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", [cv2.IMREAD_GRAYSCALE, cv2.IMREAD_COLOR])
@pytest.mark.parametrize(
    "filters", [cv2.IMWRITE_PNG_FILTER_SUB, cv2.IMWRITE_PNG_FILTER_PAETH, cv2.IMWRITE_PNG_ALL_FILTERS]
)
def test_whole_pngs_are_read(kind: int, filters: int) -> None:
    picture = SMALL[..., 0] if kind == cv2.IMREAD_GRAYSCALE else SMALL
    data = cv2.imencode(
        ".png", picture[..., ::-1] if picture.ndim == 3 else picture, [cv2.IMWRITE_PNG_FILTER, filters]
    )[1]
    found = rgb_from_compressed(compressed("png", data.tobytes()))
    np.testing.assert_array_equal(found, picture if picture.ndim == 3 else np.dstack([picture] * 3))
