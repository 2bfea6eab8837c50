"""Keyframes of a map with their features, matches and poses, in a file: later drives extend the map with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from localization_common.errors import MapError
from localization_common.files import tensor_files
from localization_common.keyframes.feature_tracks import PairMatches
from localization_mapping import pair_matching
from localization_mapping.keyframe_set import KeyframeSet

Array = npt.NDArray[np.float64]

KIND = "mapped_keyframes"
VERSION = 1
_MATCHES, _OWN = "matches.", ("map_T_base", "points", "closures")


@dataclass(frozen=True)
class StoredMap:
    """Content of ``features.safetensors`` of a place.

    Attributes:
        drives: names of the drives, in the order of `KeyframeSet.drive`.
        keyframes: keyframes of all drives.
        map_T_base: (K, 4, 4) their poses.
        points: (R, 3) local points of all features, see `InitialPoses.points`.
        closures: (L, 2) pairs of keyframes of the loop closures.
        matches: matches of pairs of keyframes.
    """

    drives: tuple[str, ...]
    keyframes: KeyframeSet
    map_T_base: Array
    points: npt.NDArray[np.float32]
    closures: npt.NDArray[np.int64]
    matches: Sequence[PairMatches]

    def save(self, path: str | Path) -> None:
        """Write the file completely or not at all.

        Raises:
            CheckpointError: the file cannot be written.
        """
        arrays = dict(self.keyframes.arrays) | {name: getattr(self, name) for name in _OWN}
        arrays["local_points"] = arrays.pop("points")
        arrays |= {_MATCHES + name: array for name, array in pair_matching.to_arrays(self.matches).items()}
        # Features without depth have NaN, which no file of tensors may contain: 0 stands for it.
        for name in ("depths", "local_points"):
            arrays[name] = np.nan_to_num(arrays[name], nan=0.0)
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        tensor_files.save(path, kind=KIND, tensors=tensors, header={"version": VERSION, "drives": list(self.drives)})

    @classmethod
    def load(cls, path: str | Path) -> StoredMap:
        """Read the file.

        Raises:
            CheckpointError: the file is missing, damaged or of another kind.
            MapError: it has another version, or its arrays do not fit together.
        """
        tensors, header = tensor_files.load(path, kind=KIND)
        if header.get("version") != VERSION:
            raise MapError(f"{path}: version {header.get('version')!r:.50}, this program reads {VERSION}; map again")
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        try:
            arrays["depths"] = np.where(arrays["depths"] > 0.0, arrays["depths"], np.nan)
            points = arrays.pop("local_points")
            points = np.where(points[:, 2:] > 0.0, points, np.nan)
            parts = {name: arrays.pop(name) for name in list(arrays) if name.startswith(_MATCHES)}
            matches = pair_matching.from_arrays({name.removeprefix(_MATCHES): a for name, a in parts.items()})
            map_T_base, closures = arrays.pop("map_T_base"), arrays.pop("closures")
            keyframes = KeyframeSet.of(arrays)
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise MapError(f"{path}: its tensors do not fit together ({error}); map the drives again") from error
        if len(keyframes) != len(map_T_base) or len(points) != len(keyframes.features.rays):
            raise MapError(f"{path}: its tensors do not fit together; map the drives again")
        return cls(tuple(map(str, header["drives"])), keyframes, map_T_base, points, closures, matches)
