"""Files of an occupancy grid for Nav2's map_server: an image (PGM) and its description (YAML)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from localization_common.errors import MapError
from localization_common.files.atomic_write import write_whole
from localization_mapping.occupancy.grid import FREE, OCCUPIED, UNKNOWN, GridArea, OccupancyGrid

#: Grey values of occupied, free and unknown cells, as nav2_map_server's map_saver writes them.
BLACK, WHITE, GREY = 0, 254, 205
#: Thresholds of its trinary maps since 2025. Its older 0.25 makes unknown cells free: their value is 50/255 = 0.19608.
OCCUPIED_THRESH, FREE_THRESH = 0.65, 0.196
#: Endings of the two files.
_IMAGE, _DESCRIPTION = ".pgm", ".yaml"


def map_image(grid: OccupancyGrid) -> npt.NDArray[np.uint8]:
    """Image (rows, columns) of the grid: row 0 is the top, with the largest y."""
    image = np.full(grid.cells.shape, GREY, np.uint8)
    image[grid.free], image[grid.occupied] = WHITE, BLACK
    return image[::-1]


def write_map_files(grid: OccupancyGrid, folder: Path, name: str = "occupancy") -> None:
    """Write ``NAME.pgm`` and ``NAME.yaml``; the description is written last, for a complete image.

    Raises:
        CheckpointError: a file cannot be written.
    """
    image = map_image(grid)
    header = f"P5\n{image.shape[1]} {image.shape[0]}\n255\n".encode()
    write_whole(folder / f"{name}{_IMAGE}", header + np.ascontiguousarray(image).tobytes())
    x, y = grid.area.origin
    text = (
        f"image: {name}{_IMAGE}\nmode: trinary\nresolution: {grid.area.resolution:g}\norigin: [{x:.6g}, {y:.6g}, 0]\n"
        f"negate: 0\noccupied_thresh: {OCCUPIED_THRESH}\nfree_thresh: {FREE_THRESH}\n"
    )
    write_whole(folder / f"{name}{_DESCRIPTION}", text.encode())


def read_map_files(path: Path) -> OccupancyGrid:
    """Read a trinary map from its description (YAML), by map_server's rules.

    Raises:
        MapError: a file is missing or damaged, or is not a map that map_server would read.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        x, y, yaw = (float(v) for v in values["origin"])
        resolution, negate = float(values["resolution"]), bool(values["negate"])
        occupied, free = float(values["occupied_thresh"]), float(values["free_thresh"])
        image = cv2.imread(str(path.parent / values["image"]), cv2.IMREAD_GRAYSCALE)
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise MapError(f"{path}: is no description of an occupancy grid ({error}): build the place again") from error
    if image is None:
        raise MapError(f"{path}: its image {values['image']} is missing or damaged: build the place again")
    if yaw != 0.0 or values.get("mode", "trinary") != "trinary":
        raise MapError(f"{path}: only trinary maps without rotation are read: build the place again")
    grey = image.astype(np.float64)
    share = (grey if negate else 255.0 - grey) / 255.0
    cells = np.where(share > occupied, OCCUPIED, np.where(share < free, FREE, UNKNOWN)).astype(np.int8)
    rows, columns = cells.shape
    return OccupancyGrid(GridArea((x, y), rows, columns, resolution), np.ascontiguousarray(cells[::-1]))
