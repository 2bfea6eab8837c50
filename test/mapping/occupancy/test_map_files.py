"""Files of occupancy grids: content, round trip, damage."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from localization_common.errors import MapError
from localization_mapping.occupancy.grid import FREE, OCCUPIED, UNKNOWN, GridArea, OccupancyGrid
from localization_mapping.occupancy.map_files import read_map_files, write_map_files

#: Two rows, three columns; row 0 has the smallest y.
CELLS = np.array([[FREE, OCCUPIED, UNKNOWN], [UNKNOWN, UNKNOWN, FREE]], np.int8)
OTHERS = "resolution: 0.05, negate: 0, occupied_thresh: 0.65, free_thresh: 0.196"
GRID = OccupancyGrid(GridArea((-1.5, 2.25), 2, 3, 0.05), CELLS)


def test_image_has_the_largest_y_at_the_top_and_map_savers_values(tmp_path: Path) -> None:
    write_map_files(GRID, tmp_path)
    data = (tmp_path / "occupancy.pgm").read_bytes()
    assert data == b"P5\n3 2\n255\n" + bytes([205, 205, 254, 254, 0, 205])
    assert cv2.imread(str(tmp_path / "occupancy.pgm"), cv2.IMREAD_UNCHANGED).shape == (2, 3)


def test_description_has_the_fields_that_map_server_needs(tmp_path: Path) -> None:
    write_map_files(GRID, tmp_path)
    values = yaml.safe_load((tmp_path / "occupancy.yaml").read_text())
    assert values == {
        "image": "occupancy.pgm",
        "mode": "trinary",
        "resolution": 0.05,
        "origin": [-1.5, 2.25, 0],
        "negate": 0,
        "occupied_thresh": 0.65,
        "free_thresh": 0.196,
    }
    # map_server's rule: free if less than free_thresh; with 0.25, unknown cells (205) would be free.
    assert (255 - 254) / 255 < values["free_thresh"] < (255 - 205) / 255 < values["occupied_thresh"] < 1.0


def test_round_trip(tmp_path: Path) -> None:
    write_map_files(GRID, tmp_path, "first_floor")
    read = read_map_files(tmp_path / "first_floor.yaml")
    assert read.area == GRID.area
    np.testing.assert_array_equal(read.cells, CELLS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image: occupancy.pgm", "no description of an occupancy grid"),
        ("[1, 2", "no description of an occupancy grid"),
        (
            f"{{image: gone.pgm, origin: [0, 0, 0], {OTHERS}}}",
            "missing or damaged",
        ),
        (
            f"{{image: occupancy.pgm, origin: [0, 0, 1], {OTHERS}}}",
            "without rotation",
        ),
    ],
)
def test_damaged_descriptions_are_refused(tmp_path: Path, text: str, message: str) -> None:
    write_map_files(GRID, tmp_path)
    (tmp_path / "occupancy.yaml").write_text(text)
    with pytest.raises(MapError, match=message):
        read_map_files(tmp_path / "occupancy.yaml")


def test_a_grid_of_another_shape_is_refused() -> None:
    with pytest.raises(MapError, match="do not fit"):
        OccupancyGrid(GridArea((0.0, 0.0), 3, 3, 0.05), CELLS)


def test_cells_of_points() -> None:
    points = np.array([[-1.49, 2.26], [-1.41, 2.26], [-1.36, 2.34], [9.0, 9.0], [-1.51, 2.26]])
    assert GRID.at(points).tolist() == [FREE, OCCUPIED, FREE, UNKNOWN, UNKNOWN]
