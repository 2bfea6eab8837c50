"""Tensors in the file of a keyframe map, and the check of their types and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from localization_common.errors import CheckpointError
from localization_common.keyframes.retrieval import THUMBNAIL

#: Version of new files; those of version 1 have no `VECTORS`, those of version 2 no `TILES` and no `BASIS`.
VERSION = 3
#: Names of `KeyframeMap.tile_first` and of `ImageVectors.basis` in the file.
TILES, BASIS = "tile_first", "basis"
#: Name of `KeyframeMap.repeated_view` in the file.
REPEATED_VIEW = "doubles"
#: Tensors of every file with their types and shapes; None is any size.
TENSORS = {
    "points": (torch.float32, (None, 3)),
    "descriptors": (torch.uint8, (None, 128)),
    "appearance_point": (torch.int32, (None,)),
    "directions": (torch.float32, (None, 3)),
    "ranges": (torch.float32, (None,)),
    "given": (torch.float64, (None, 4, 4)),
    "adjusted": (torch.float64, (None, 4, 4)),
    "thumbnails": (torch.uint8, (None, THUMBNAIL)),
    REPEATED_VIEW: (torch.bool, (None,)),
    "variance": (torch.float64, (2, 6)),
}
#: Tensors of `KeyframeMap.image_vectors`.
VECTORS = {
    "words": (torch.float16, (None, 128)),
    "vectors": (torch.int8, (None, None)),
}
#: Tensors since version 3.
PLACES = {
    TILES: (torch.int32, (None,)),
    BASIS: (torch.float16, (None, None)),
}


def require_shapes(path: str | Path, tensors: Mapping[str, torch.Tensor], version: int) -> None:
    """Refuse tensors of a file of this version that are not those of a keyframe map, or do not fit together.

    Raises:
        CheckpointError: names the tensor.
    """
    expected = TENSORS | (VECTORS if version > 1 else {}) | (PLACES if version > 2 else {})
    if set(tensors) != set(expected):
        raise CheckpointError(f"{path}: tensors {sorted(tensors)}, expected {sorted(expected)}; build the map again")
    for name, (dtype, shape) in expected.items():
        tensor = tensors[name]
        fits = len(shape) == tensor.ndim and all(w in (None, h) for w, h in zip(shape, tensor.shape, strict=True))
        if tensor.dtype != dtype or not fits:
            raise CheckpointError(f"{path}: {name} is {tensor.dtype} {tuple(tensor.shape)}; build the map again")
    appearances = {len(tensors[name]) for name in ("descriptors", "appearance_point", "directions", "ranges")}
    keyframes = {len(tensors[name]) for name in ("given", "adjusted", "thumbnails", REPEATED_VIEW)}
    consistent = len(appearances) == len(keyframes) == 1 and 0 not in appearances | keyframes
    if version > 1:
        words, vectors = tensors["words"], tensors["vectors"]
        size = words.numel()
        if version > 2 and tensors[BASIS].numel():
            consistent, size = consistent and tensors[BASIS].shape[1] == size, len(tensors[BASIS])
        consistent = consistent and 0 < size == vectors.shape[1] and {len(vectors)} == keyframes
    if version > 2:
        first = tensors[TILES]
        consistent = consistent and len(first) > 0 and int(first[0]) == 0 and bool((first[1:] > first[:-1]).all())
        consistent = consistent and int(first[-1]) < len(tensors["points"])
    if not consistent or not _ascending(tensors["appearance_point"], len(tensors["points"])):
        raise CheckpointError(f"{path}: its tensors do not fit together; build the map again")


def _ascending(values: torch.Tensor, end: int) -> bool:
    """True if values (N,), at least one, never decrease and are indices below an end."""
    return bool((values[1:] >= values[:-1]).all()) and int(values[0]) >= 0 and int(values[-1]) < end
