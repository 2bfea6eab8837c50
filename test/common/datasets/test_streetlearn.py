"""StreetLearn's LevelDB, written here with messages made byte by byte."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import wire_formats as wire

from localization_common.datasets.open_worlds import open_worlds
from localization_common.datasets.streetlearn import GRAPH_KEY, read_streetlearn
from localization_common.errors import DatasetError

plyvel = pytest.importorskip("plyvel", reason="python3 -m pip install plyvel")

LATITUDE, LONGITUDE = 40.75, -73.99
METRES_PER_DEGREE = np.radians(1.0) * 6_371_009.0


def pano(name: str, east: float, north: float, heading: float, picture: bytes = b"") -> bytes:
    """Pano message: position in metres from a corner in Manhattan; it also has fields that the reader skips."""
    longitude = LONGITUDE + east / METRES_PER_DEGREE / np.cos(np.radians(LATITUDE))
    coordinates = wire.double(1, LATITUDE + north / METRES_PER_DEGREE) + wire.double(2, longitude)
    message = wire.block(1, name) + wire.block(3, "Broadway") + wire.block(9, coordinates)
    message += wire.double(10, 12.0) + wire.double(13, heading) + wire.block(14, "2016-08")
    return message + (wire.block(16, picture) if picture else b"") + wire.block(17, wire.block(1, "neighbour"))


def write(path: Path, panoramas: dict[str, tuple[float, float, float]]) -> None:
    """Database with these panoramas (east, north, heading); each picture's grey value is its number."""
    database = plyvel.DB(str(path), create_if_missing=True)
    graph = wire.block(1, wire.double(1, 40.0) + wire.double(2, -75.0))
    for number, (name, place) in enumerate(panoramas.items()):
        image = np.full((64, 128, 3), number, np.uint8)
        image[:, 64:] += 100  # the right half is brighter
        database.put(name.encode(), pano(name, *place, wire.jpeg(image)))
        connection = wire.block(1, name) + wire.varint(2 << 3) + wire.varint(10) + wire.block(3, "other")
        graph += wire.block(3, connection) + wire.block(5, pano(name, *place))
    database.put(GRAPH_KEY, graph)
    database.close()


def line(count: int, spacing: float = 3.0) -> dict[str, tuple[float, float, float]]:
    """Panoramas along a street to the north-east, all facing along it."""
    return {f"pano{i:02d}": (0.6 * spacing * i, 0.8 * spacing * i, 36.87) for i in range(count)}


def test_areas_hold_panoramas_where_they_are(tmp_path: Path) -> None:
    write(tmp_path / "db", line(60))
    worlds = read_streetlearn(tmp_path / "db", areas=20, views=10, seed=1)
    assert worlds.images.shape == (20, 10, 104, 208, 3)
    assert (worlds.panoramic, worlds.metres_per_unit, worlds.name) == (True, 20.0, "streetlearn")
    assert np.abs(worlds.poses[..., :2]).max() <= 1.0
    # 36.87 degrees clockwise from north is 53.13 counter-clockwise from east.
    np.testing.assert_allclose(worlds.poses[..., 2], np.radians(90 - 36.87), atol=1e-3)
    number = worlds.images[:, :, :, :90].mean(axis=(2, 3, 4)).round()
    brighter = worlds.images[..., 115:, :].mean(axis=(2, 3, 4)) - number
    np.testing.assert_allclose(brighter, 100, atol=2)
    for area in range(20):
        assert len(set(number[area])) == 10  # no repetition
        offsets = worlds.poses[area, :, :2] - worlds.poses[area, 0, :2]
        along = (number[area] - number[area, 0]) * 3.0 / 20.0
        np.testing.assert_allclose(offsets, along[:, None] * [0.6, 0.8], atol=2e-3)
    assert len(np.unique(worlds.poses[:, 0], axis=0)) == 20
    again = read_streetlearn(tmp_path / "db", areas=20, views=10, seed=1, limit=5)
    np.testing.assert_array_equal(again.images, worlds.images[:5])
    other = open_worlds(tmp_path / "db", limit=3)
    assert other.images.shape == (3, 10, 104, 208, 3)


def test_longitudes_divide_training_from_test(tmp_path: Path) -> None:
    write(tmp_path / "db", line(120))
    border = LONGITUDE + 110.0 / METRES_PER_DEGREE / np.cos(np.radians(LATITUDE))
    west = read_streetlearn(tmp_path / "db", areas=10, longitudes=(-180.0, border), height=16)
    east = read_streetlearn(tmp_path / "db", areas=10, longitudes=(border, 180.0), height=16)
    seen = [set(w.images[..., :12, :].mean(axis=(2, 3, 4)).round().ravel()) for w in (west, east)]
    assert max(seen[0]) < min(seen[1])
    with pytest.raises(DatasetError, match="longitudes"):
        read_streetlearn(tmp_path / "db", longitudes=(0.0, 10.0))


def test_mistakes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match="no LevelDB"):
        read_streetlearn(tmp_path)
    write(tmp_path / "sparse", line(30, spacing=30.0))
    with pytest.raises(DatasetError, match="fewer views"):
        read_streetlearn(tmp_path / "sparse", areas=2)
    write(tmp_path / "db", line(12))
    database = plyvel.DB(str(tmp_path / "db"))
    database.delete(b"pano03")
    database.close()
    with pytest.raises(DatasetError, match="pano03"):
        read_streetlearn(tmp_path / "db", areas=100)
    database = plyvel.DB(str(tmp_path / "db"))
    database.put(GRAPH_KEY, b"\xff\xff\xff")
    database.close()
    with pytest.raises(DatasetError, match="StreetLearnGraph"):
        read_streetlearn(tmp_path / "db")
    database = plyvel.DB(str(tmp_path / "db"))
    database.delete(GRAPH_KEY)
    with pytest.raises(DatasetError, match="cannot be opened"):
        read_streetlearn(tmp_path / "db")
    database.close()
    with pytest.raises(DatasetError, match="panos_connectivity"):
        read_streetlearn(tmp_path / "db")
    monkeypatch.setitem(sys.modules, "plyvel", None)
    with pytest.raises(DatasetError, match="pip install plyvel"):
        read_streetlearn(tmp_path / "db")
