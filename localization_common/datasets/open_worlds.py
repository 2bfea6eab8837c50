"""Opening of data with many small worlds, in any format."""

from __future__ import annotations

from pathlib import Path

from localization_common.datasets import gqn
from localization_common.datasets.streetlearn import read_streetlearn
from localization_common.datasets.world_shards import is_world_directory, read_world_shards
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import DatasetError


def open_worlds(path: str | Path, *, limit: int | None = None) -> WorldSet:
    """Worlds of a directory, in memory, with the default options of the format's reader.

    Args:
        path: one split of the output of ``worlds_generate`` (`read_world_shards`) or of one of GQN's data sets
            (`read_gqn`), or the LevelDB of StreetLearn (`read_streetlearn`).
        limit: number of worlds to read at most, from the first.

    Raises:
        DatasetError: there is nothing, the format is unknown, or the reader refuses the data.
    """
    directory = Path(path).expanduser()
    if is_world_directory(directory):
        return read_world_shards(directory, limit=limit)
    if directory.suffix == gqn.SUFFIX or (directory.is_dir() and any(directory.glob(f"*{gqn.SUFFIX}"))):
        return gqn.read_gqn(directory, limit=limit)
    if (directory / "CURRENT").is_file():
        return read_streetlearn(directory, limit=limit)
    raise DatasetError(
        f"{directory}: no worlds; expected 00000.safetensors and so on, as worlds_generate writes them, GQN's "
        f"*{gqn.SUFFIX} files, or StreetLearn's LevelDB"
    )
