"""Worlds on disk: a directory of numbered safetensors files, each complete or absent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch

from localization_common.datasets.worlds import WorldSet
from localization_common.errors import CheckpointError, DatasetError
from localization_common.files import tensor_files

KIND = "worlds"
#: Entries of a shard's header.
_ENTRIES = {"name", "metres_per_unit", "panoramic", "recipe", "first", "count"}
#: Arrays of a shard with their types and numbers of dimensions.
_ARRAYS = {"images": (np.uint8, 5), "poses": (np.float32, 3), "visits": (np.uint8, 2)}


def shard_path(directory: Path, number: int) -> Path:
    """File of a shard."""
    return directory / f"{number:05d}.safetensors"


def write_shard(path: Path, worlds: WorldSet, *, first: int, recipe: Mapping[str, Any]) -> None:
    """Write worlds into one file, all or nothing.

    Args:
        path: path of the file, from `shard_path`.
        worlds: worlds to write.
        first: number of the first of them in the directory.
        recipe: settings of their generation; shards that are read together must have the same.

    Raises:
        CheckpointError: the file cannot be written there.
    """
    tensors = {name: torch.from_numpy(getattr(worlds, name)) for name in ("images", "poses", "visits")}
    header = {
        "name": worlds.name,
        "metres_per_unit": worlds.metres_per_unit,
        "panoramic": worlds.panoramic,
        "recipe": dict(recipe),
        "first": first,
        "count": len(worlds),
    }
    tensor_files.save(path, kind=KIND, tensors=tensors, header=header)


def read_shard_header(path: Path) -> dict[str, Any]:
    """Header of a shard: settings of its generation (``recipe``), number of the ``first`` world, and their ``count``.

    Raises:
        DatasetError: missing, damaged or no shard.
    """
    try:
        header = tensor_files.load_header(path, kind=KIND)
    except CheckpointError as error:
        raise DatasetError(f"{path}: no shard of worlds ({error}); delete it and generate it again") from error
    scale = header.get("metres_per_unit")
    if not set(header) >= _ENTRIES or not (scale is None or (type(scale) in (int, float) and scale > 0.0)):
        raise DatasetError(f"{path}: its header is that of no shard of worlds; delete it and generate it again")
    return header


def is_world_directory(path: Path) -> bool:
    """Return True if shards of worlds lie directly in this directory."""
    return path.is_dir() and any(path.glob("[0-9]*.safetensors"))


def read_world_shards(path: str | Path, *, limit: int | None = None) -> WorldSet:
    """Read all worlds of a directory into memory.

    Args:
        path: directory with shards, such as ``build/worlds/rooms/train``.
        limit: number of worlds to read at most, from the first.

    Raises:
        DatasetError: there are no shards, one is damaged or missing between others, or their recipes differ.
    """
    directory = Path(path).expanduser()
    files = sorted(directory.glob("[0-9]*.safetensors"))
    if not files:
        raise DatasetError(f"{directory}: no shards of worlds (00000.safetensors, ...); make some with worlds_generate")
    headers, parts, count = [], [], 0
    for number, file in enumerate(files):
        headers.append(read_shard_header(file))
        _require_next(file, shard_path(directory, number), headers, count)
        parts.append(_read_arrays(file))
        count += len(parts[-1][0])
        if limit is not None and count >= limit:
            break
    header = headers[0]
    try:
        # The parts are views of mapped files: they are read here, once.
        images, poses, visits = (np.concatenate(arrays)[:limit] for arrays in zip(*parts, strict=True))
        return WorldSet(str(header["name"]), images, poses, visits, header["metres_per_unit"], header["panoramic"])
    except (DatasetError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{directory}: these are no worlds ({error}); generate them again") from error


def _require_next(file: Path, expected: Path, headers: list[dict[str, Any]], count: int) -> None:
    """Check that the last header continues the others, which hold ``count`` worlds."""
    if file != expected:
        raise DatasetError(f"{expected}: missing, though later shards are there; generate it again")
    if headers[-1]["recipe"] != headers[0]["recipe"]:
        raise DatasetError(f"{file}: made differently from the first: {headers[-1]['recipe']}, {headers[0]['recipe']}")
    if headers[-1]["first"] != count:
        raise DatasetError(f"{file}: begins with world {headers[-1]['first']}, not {count}; generate it again")


def _read_arrays(path: Path) -> list[Any]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            arrays = {name: file.get_tensor(name).numpy() for name in _ARRAYS}
    except (safetensors.SafetensorError, OSError, TypeError) as error:
        raise DatasetError(f"{path}: damaged ({error}); delete it and generate it again") from error
    for name, array in arrays.items():
        if (array.dtype, array.ndim) != _ARRAYS[name]:
            raise DatasetError(f"{path}: {name} is {array.dtype} {array.shape}; delete it and generate it again")
    return list(arrays.values())
