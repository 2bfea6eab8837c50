"""Opening data of many small worlds whatever its format."""

from __future__ import annotations

from pathlib import Path

from localization_common.datasets.world_shards import is_world_directory, read_world_shards
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import DatasetError


def open_worlds(path: str | Path, *, limit: int | None = None) -> WorldSet:
    """Worlds of a directory, in memory, with the default options of the format's reader.

    Args:
        path: directory with the shards of one split that ``worlds_generate`` wrote (`read_world_shards`).
        limit: read only the first so many worlds.

    Raises:
        DatasetError: nothing there, format unknown, or what the reader says.
    """
    directory = Path(path).expanduser()
    if is_world_directory(directory):
        return read_world_shards(directory, limit=limit)
    raise DatasetError(f"{directory}: no worlds; expected 00000.safetensors and so on, as worlds_generate writes them")
