"""Reader of StreetLearn (Mirowski et al. 2019): panoramas of Manhattan or Pittsburgh in a LevelDB.

The key of a panorama is its id, and its value a ``Pano`` message with its picture. The value of ``panos_connectivity``
is a ``StreetLearnGraph`` with the positions and headings of all. As in the DMN paper (appendix C.1), worlds are areas
of 40 m x 40 m with at least ten panoramas, drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.datasets.gqn import decode_picture
from localization_common.datasets.protobuf_messages import Field, message_classes, parse, require
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import DatasetError
from localization_common.geometry.planar import wrap_angle

Array = npt.NDArray[np.float64]

#: The DMN paper trains west of this longitude in Manhattan, and tests east of it.
PAPER_LONGITUDE = -73.9857
GRAPH_KEY = b"panos_connectivity"

_EARTH_RADIUS = 6_371_009.0
_MESSAGES: dict[str, dict[str, Field]] = {
    "LatLng": {"lat": (1, "double"), "lng": (2, "double")},
    "Pano": {
        "id": (1, "string"),
        "coords": (9, "LatLng"),
        "heading_deg": (13, "double"),
        "pano_date": (14, "string"),
        "compressed_image": (16, "bytes"),
    },
    "StreetLearnGraph": {"pano": (5, "Pano", True)},
}


@dataclass(frozen=True)
class _Panoramas:
    """Ids, and poses (N, 3): metres east and north of their mean, heading of the middle column."""

    ids: list[str]
    poses: Array


def read_streetlearn(
    path: str | Path,
    *,
    areas: int = 1_000,
    views: int = 10,
    height: int = 104,
    side_m: float = 40.0,
    longitudes: tuple[float, float] = (-180.0, 180.0),
    seed: int = 0,
    limit: int | None = None,
) -> WorldSet:
    """Areas drawn at random from the panoramas of a database.

    Args:
        path: directory of the LevelDB.
        areas: number of areas; they may overlap.
        views: number of panoramas of each area, drawn from those in it.
        height: height of the resized pictures, which are twice as wide (the DMN paper: 104).
        side_m: side of an area, metres; half of it is a map unit.
        longitudes: range of longitudes, degrees; panoramas outside are left out (`PAPER_LONGITUDE`).
        seed: seed for the choice of areas and panoramas.
        limit: number of areas to read at most.

    Raises:
        DatasetError: no such database, not StreetLearn's, or no area has enough panoramas.
    """
    location = Path(path).expanduser()
    messages = message_classes("streetlearn", _MESSAGES)
    database = _open(location)
    try:
        known = _read_graph(location, database, messages["StreetLearnGraph"], longitudes)
        chosen = _draw_areas(location, known, min(areas, limit or areas), views, side_m, np.random.default_rng(seed))
        images = np.empty((len(chosen), views, height, 2 * height, 3), np.uint8)
        poses = np.empty((len(chosen), views, 3), np.float32)
        for i, (members, local) in enumerate(chosen):
            poses[i] = local
            for j, member in enumerate(members):
                images[i, j] = _read_picture(location, database, messages["Pano"], known.ids[member], height)
    finally:
        database.close()
    visits = np.zeros((len(chosen), views), np.uint8)
    return WorldSet("streetlearn", images, poses, visits, metres_per_unit=side_m / 2, panoramic=True)


def _open(path: Path) -> Any:
    plyvel = require("plyvel", "plyvel")
    if not (path / "CURRENT").is_file():
        raise DatasetError(f"{path}: no LevelDB; give the directory with CURRENT and MANIFEST files")
    try:
        return plyvel.DB(str(path))
    except plyvel.Error as error:
        raise DatasetError(f"{path}: LevelDB cannot be opened ({error}); is another process reading it?") from error


def _read_graph(path: Path, database: Any, message: Any, longitudes: tuple[float, float]) -> _Panoramas:
    data = database.get(GRAPH_KEY)
    if data is None:
        raise DatasetError(f"{path}: has no {GRAPH_KEY.decode()}; is this StreetLearn's database?")
    graph = parse(message, data, path)
    panos = [p for p in graph.pano if longitudes[0] <= p.coords.lng < longitudes[1]]
    if not panos:
        raise DatasetError(f"{path}: no panoramas between the longitudes {longitudes}")
    latitude, longitude = np.radians([[p.coords.lat, p.coords.lng] for p in panos]).T
    east = _EARTH_RADIUS * np.cos(latitude.mean()) * (longitude - longitude.mean())
    north = _EARTH_RADIUS * (latitude - latitude.mean())
    # Headings are clockwise from north.
    yaw = wrap_angle(np.pi / 2 - np.radians([p.heading_deg for p in panos]))
    return _Panoramas([p.id for p in panos], np.column_stack([east, north, yaw]))


def _draw_areas(
    path: Path, known: _Panoramas, count: int, views: int, side_m: float, random: np.random.Generator
) -> list[tuple[npt.NDArray[np.int64], Array]]:
    """Members of each area and their poses in it, map units."""
    chosen: list[tuple[npt.NDArray[np.int64], Array]] = []
    for _ in range(100 * count):  # areas that hold a random panorama, not always in the middle
        centre = known.poses[random.integers(len(known.ids)), :2] + random.uniform(-0.5, 0.5, 2) * side_m
        inside = np.flatnonzero((np.abs(known.poses[:, :2] - centre) <= side_m / 2).all(axis=1))
        if len(inside) >= views:
            members = random.choice(inside, views, replace=False)
            local = known.poses[members].copy()
            local[:, :2] = (local[:, :2] - centre) / (side_m / 2)
            chosen.append((members, local))
            if len(chosen) == count:
                return chosen
    raise DatasetError(f"{path}: hardly any area of {side_m} m holds {views} panoramas; choose fewer views")


def _read_picture(path: Path, database: Any, message: Any, name: str, height: int) -> npt.NDArray[np.uint8]:
    data = database.get(name.encode())
    if data is None:
        raise DatasetError(f"{path}: panorama {name!r} of the graph is missing; was the data copied completely?")
    where = f"{path}: panorama {name!r}"
    return decode_picture(where, parse(message, data, where).compressed_image, (height, 2 * height))
