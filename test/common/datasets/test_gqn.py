"""GQN's TFRecords, written here byte by byte."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import wire_formats as wire

from localization_common.datasets.gqn import read_gqn
from localization_common.datasets.open_worlds import open_worlds
from localization_common.datasets.tfrecord import read_records
from localization_common.errors import DatasetError

pytest.importorskip("google_crc32c", reason="python3 -m pip install google-crc32c")

#: x, y, z, yaw, pitch.
CAMERAS = np.array(
    [[0.5, -0.25, 0.3, 4.0, 0.1], [-1.0, 0.75, 0.3, -1.5, 0.0], [0.0, 0.125, 0.3, 0.0, -0.1]], np.float32
)


def picture(colour: tuple[int, int, int]) -> np.ndarray:
    """Picture with the colour on the left, and its complement on the right."""
    image = np.empty((64, 64, 3), np.uint8)
    image[:, :32], image[:, 32:] = colour, 255 - np.array(colour)
    return image


def write(path: Path, worlds: int = 2, *, packed: bool = True, cameras: np.ndarray = CAMERAS) -> None:
    frames = [[wire.jpeg(picture((40 * w, 80 * v, 200))) for v in range(3)] for w in range(worlds)]
    records = [
        wire.example({"frames": f, "cameras": [float(c) for c in cameras.ravel()]}, packed=packed) for f in frames
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wire.tfrecord(records))


def test_checksum_of_the_test_is_the_published_one() -> None:
    assert wire.crc32c(b"123456789") == 0xE3069283


@pytest.mark.parametrize("packed", [True, False])
def test_worlds_are_read_from_all_files_in_order(tmp_path: Path, packed: bool) -> None:
    directory = tmp_path / "rooms_free_camera_with_object_rotations" / "train"
    write(directory / "0001-of-0002.tfrecord", worlds=2, packed=packed)
    write(directory / "0002-of-0002.tfrecord", worlds=1, packed=packed, cameras=CAMERAS * 0.5)
    worlds = open_worlds(directory)
    assert worlds.name == "rooms_free_camera_with_object_rotations"
    assert worlds.images.shape == (3, 3, 32, 32, 3)
    np.testing.assert_allclose(worlds.poses[0], worlds.poses[1])
    yaw = np.array([4.0 - 2 * np.pi, -1.5, 0.0])
    np.testing.assert_allclose(worlds.poses[0], np.column_stack([CAMERAS[:, :2], yaw]), atol=1e-6)
    np.testing.assert_allclose(worlds.poses[2, :, :2], CAMERAS[:, :2] / 2)
    for w, v in ((0, 1), (1, 2), (2, 0)):
        left, right = worlds.images[w, v, :, :15].mean((0, 1)), worlds.images[w, v, :, 17:].mean((0, 1))
        expected = np.array([40 * (w % 2), 80 * v, 200])
        np.testing.assert_allclose(left, expected, atol=4)  # red, green, blue: in this order
        np.testing.assert_allclose(right, 255 - expected, atol=4)
    assert len(open_worlds(directory, limit=2)) == 2
    assert read_gqn(directory, size=16, scale=0.5).images.shape[2:] == (16, 16, 3)
    np.testing.assert_allclose(read_gqn(directory, scale=0.5).poses[0, :, :2], CAMERAS[:, :2] / 2)


def test_damage_is_found_and_named(tmp_path: Path) -> None:
    path = tmp_path / "one.tfrecord"
    write(path)
    whole = path.read_bytes()
    assert len(list(read_records(path))) == 2
    length = int.from_bytes(whole[:8], "little")
    for position, what in (
        (0, "length"),
        (20, "record at byte 0"),
        (length + 16 + 30, f"record at byte {length + 16}"),
    ):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(DatasetError, match=what):
            read_gqn(path)
    for end in (5, 100, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(DatasetError, match="ends within a record"):
            read_gqn(path)
    path.write_bytes(wire.tfrecord([b"\xff\xff no protobuf"]))
    with pytest.raises(DatasetError, match="Example"):
        read_gqn(path)
    path.write_bytes(wire.tfrecord([wire.example({"images": [b"x"]})]))
    with pytest.raises(DatasetError, match="images"):
        read_gqn(path)
    path.write_bytes(wire.tfrecord([wire.example({"frames": [b"no jpeg"], "cameras": [0.0] * 5})]))
    with pytest.raises(DatasetError, match="not a picture"):
        read_gqn(path)
    write(path, cameras=CAMERAS[:2])
    with pytest.raises(DatasetError, match="10 camera numbers"):
        read_gqn(path)
    with pytest.raises(DatasetError, match="tfrecord"):
        read_gqn(tmp_path / "empty")
    with pytest.raises(DatasetError, match="no worlds"):
        open_worlds(tmp_path / "empty")


def test_coordinates_beyond_the_map_need_a_scale(tmp_path: Path) -> None:
    write(tmp_path / "one.tfrecord", cameras=CAMERAS * 3)
    with pytest.raises(DatasetError, match="scale"):
        read_gqn(tmp_path)
    assert np.abs(read_gqn(tmp_path, scale=1 / 3).poses[..., :2]).max() == pytest.approx(1.0)


def test_missing_parts_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "one.tfrecord")
    monkeypatch.setitem(sys.modules, "google_crc32c", None)
    with pytest.raises(DatasetError, match="pip install google-crc32c"):
        read_gqn(tmp_path)
