"""Files of an occupancy grid for Nav2's map_server: an image (PGM) and its description (YAML)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.errors import DatasetError, InputError, MapError
from localization_common.files import yaml_text
from localization_common.files.atomic_write import write_whole
from localization_common.files.reading import read_bytes
from localization_common.files.text_files import read_text
from localization_common.geometry.se3 import FARTHEST
from localization_common.messages.compressed import check_picture_size
from localization_common.messages.picture_kinds import kind_of
from localization_common.messages.png import decode_png, read_png_header
from localization_mapping.occupancy.grid import FREE, MOST_CELLS, OCCUPIED, UNKNOWN, GridArea, OccupancyGrid

#: Grey values of occupied, free and unknown cells, as nav2_map_server's map_saver writes them.
BLACK, WHITE, GREY = 0, 254, 205
#: Thresholds of its trinary maps since 2025. Its older 0.25 makes unknown cells free: their value is 50/255 = 0.19608.
OCCUPIED_THRESH, FREE_THRESH = 0.65, 0.196
#: Endings of the two files.
_IMAGE, _DESCRIPTION = ".pgm", ".yaml"
#: Bytes of a description, and of a PGM's header.
_MOST_YAML, _HEADER_BYTES = 1 << 14, 1 << 12
#: Header of a binary PGM with 8 bits: columns, rows, largest value; comments may stand before each number.
_SPACE = rb"(?:\s|#[^\n]*\n)+"
_PGM = re.compile(rb"P5" + _SPACE + rb"(\d{1,6})" + _SPACE + rb"(\d{1,6})" + _SPACE + rb"255\s")


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
        values = yaml_text.parse(read_text(path, most=_MOST_YAML), most=_MOST_YAML)
        x, y, yaw, resolution, occupied, free = numbers = [
            float(value)
            for value in (*values["origin"], *(values[n] for n in ("resolution", "occupied_thresh", "free_thresh")))
        ]
        if not (np.isfinite(numbers).all() and 0.0 < resolution < FARTHEST and max(abs(x), abs(y)) < FARTHEST):
            raise ValueError(f"origin and resolution are {numbers[:4]}")
        negate, file = bool(values["negate"]), path.parent / str(values["image"])
    except (DatasetError, ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise MapError(f"{path}: is no description of an occupancy grid ({error}): build the place again") from error
    try:
        image = _read_image(file)
    except (OSError, ValueError, InputError) as error:
        raise MapError(f"{path}: its image {file} is missing or damaged ({error}): build the place again") from error
    if yaw != 0.0 or values.get("mode", "trinary") != "trinary":
        raise MapError(f"{path}: only trinary maps without rotation are read: build the place again")
    grey = image.astype(np.float64)
    share = (grey if negate else 255.0 - grey) / 255.0
    cells = np.where(share > occupied, OCCUPIED, np.where(share < free, FREE, UNKNOWN)).astype(np.int8)
    rows, columns = cells.shape
    return OccupancyGrid(GridArea((x, y), rows, columns, resolution), np.ascontiguousarray(cells[::-1]))


def _read_image(path: Path) -> npt.NDArray[np.uint8]:
    """Grey image (rows, columns) of a binary PGM with 8 bits, as `write_map_files` writes it, or of a PNG.

    Raises:
        OSError, ValueError, InputError: it cannot be read, or has more cells than a grid.
    """
    data = read_bytes(path, _HEADER_BYTES + MOST_CELLS)
    if kind_of(data) == "PNG":
        check_picture_size(read_png_header(data), None, MOST_CELLS)
        pixels = decode_png(data)
        if pixels.ndim != 2 or pixels.dtype != np.uint8:
            raise ValueError(f"it is {pixels.dtype} of shape {pixels.shape}, not grey")
        return pixels
    found = _PGM.match(data)
    if found is None:
        raise ValueError("it is neither PGM with 8 bits nor PNG")
    columns, rows = int(found[1]), int(found[2])
    if not 0 < rows * columns == len(data) - found.end():
        raise ValueError(f"it holds {len(data) - found.end()} cells, not {rows} x {columns}")
    return np.frombuffer(data, np.uint8, offset=found.end()).reshape(rows, columns)
