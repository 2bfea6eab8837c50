"""Keyframes of one or several drives with features, odometry and depth; descriptors are stored as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.keyframes.features import Features
from localization_common.keyframes.keyframe_map import from_bytes, to_bytes

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Arrays of a `KeyframeSet`, beside those of its features.
_NAMES = ("drive", "position", "odom_T_base", "motion_factor", "base_T_camera", "thumbnails")
#: Number of images whose features are kept in memory as floats.
_KEPT = 200


class StoredFeatures(Sequence[Features]):
    """Features of many images; their descriptors take 128 bytes each and are converted when they are read.

    Args:
        first: (K + 1,) row of each image's first feature; the last entry is the number of rows.
        rays: (R, 2) float32 rays at depth one.
        descriptors: (R, 128) uint8, see `to_bytes`.
        sizes: (R,) float32 diameters at depth one.
        depths: (R,) float32 metres along the optical axis, NaN where unknown.
    """

    def __init__(
        self,
        first: Indices,
        rays: npt.NDArray[np.float32],
        descriptors: npt.NDArray[np.uint8],
        sizes: npt.NDArray[np.float32],
        depths: npt.NDArray[np.float32],
    ) -> None:
        self.first, self.rays, self.descriptors, self.sizes, self.depths = first, rays, descriptors, sizes, depths
        self._read = lru_cache(maxsize=_KEPT)(self._convert)

    def __len__(self) -> int:
        return len(self.first) - 1

    @overload
    def __getitem__(self, key: int) -> Features: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Features]: ...
    def __getitem__(self, key: int | slice) -> Features | Sequence[Features]:
        if isinstance(key, slice):
            return [self[k] for k in range(*key.indices(len(self)))]
        if not -len(self) <= key < len(self):
            raise IndexError(key)
        return self._read(key % len(self))

    def _convert(self, key: int) -> Features:
        rows = self.rows(key)
        return Features(
            self.rays[rows].astype(np.float64), from_bytes(self.descriptors[rows]), self.sizes[rows].astype(np.float64)
        )

    @property
    def image_rays(self) -> list[Array]:
        """Rays (N, 2) of each image's features, at depth one."""
        return [self.rays[self.rows(k)].astype(np.float64) for k in range(len(self))]

    def rows(self, keyframe: int) -> slice:
        """Rows of one image's features."""
        return slice(int(self.first[keyframe]), int(self.first[keyframe + 1]))

    @property
    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Arrays of the constructor, by name, for a file."""
        names = ("first", "rays", "descriptors", "sizes", "depths")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of(cls, features: Sequence[Features], depths: Sequence[npt.NDArray[np.float32]]) -> StoredFeatures:
        """Store features and the depth of each of them."""
        return cls(
            np.cumsum([0, *(len(f) for f in features)]),
            np.concatenate([f.rays for f in features]).astype(np.float32),
            np.concatenate([to_bytes(f.descriptors) for f in features]),
            np.concatenate([f.sizes for f in features]).astype(np.float32),
            np.concatenate(list(depths)).astype(np.float32),
        )

    @classmethod
    def joined(cls, parts: Sequence[StoredFeatures]) -> StoredFeatures:
        """Join the images of several drives."""
        rows = np.cumsum([0, *(len(p.rays) for p in parts)])
        first = [p.first[:-1] + r for p, r in zip(parts, rows, strict=False)]
        return cls(
            np.concatenate([*first, rows[-1:]]),
            np.concatenate([p.rays for p in parts]),
            np.concatenate([p.descriptors for p in parts]),
            np.concatenate([p.sizes for p in parts]),
            np.concatenate([p.depths for p in parts]),
        )


@dataclass(frozen=True)
class KeyframeSet:
    """Keyframes of several drives, drive after drive, in order of time.

    Attributes:
        drive: (K,) index of the drive.
        position: (K,) position of the frame in its drive.
        odom_T_base: (K, 4, 4) odometry, each drive in a frame of its own.
        motion_factor: (K,) factor of the noise of the motion before each keyframe.
        base_T_camera: (K, 4, 4) mounts.
        features: features with depths.
        thumbnails: (K, T) uint8 thumbnails.
        focal: focal length of the images in which the features were found, pixels.
    """

    drive: Indices
    position: Indices
    odom_T_base: Array
    motion_factor: Array
    base_T_camera: Array
    features: StoredFeatures
    thumbnails: npt.NDArray[np.uint8]
    focal: float

    def __len__(self) -> int:
        return len(self.drive)

    @property
    def odom_T_camera(self) -> Array:
        """(K, 4, 4) odometry of the camera."""
        return self.odom_T_base @ self.base_T_camera

    @property
    def camera_T_base(self) -> Array:
        """(K, 4, 4) inverse mounts."""
        return se3.inverse(self.base_T_camera)

    def since(self, first: int) -> KeyframeSet:
        """Return the keyframes from the first one on."""
        f = self.features
        row = int(f.first[first])
        part = StoredFeatures(f.first[first:] - row, f.rays[row:], f.descriptors[row:], f.sizes[row:], f.depths[row:])
        return KeyframeSet(**{name: getattr(self, name)[first:] for name in _NAMES}, features=part, focal=self.focal)

    def steps(self) -> Iterator[tuple[int, int]]:
        """Yield pairs of consecutive keyframes of one drive."""
        for k in range(1, len(self)):
            if self.drive[k] == self.drive[k - 1]:
                yield k - 1, k

    @property
    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Arrays of the set, by name, for a file."""
        own: dict[str, npt.NDArray[np.generic]] = {name: getattr(self, name) for name in _NAMES}
        return own | self.features.arrays | {"focal": np.array([self.focal])}

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> KeyframeSet:
        """Set of the arrays of a file."""
        names = ("first", "rays", "descriptors", "sizes", "depths")
        rest = {name: array for name, array in arrays.items() if name not in names}
        focal = float(rest.pop("focal")[0])
        return cls(**rest, features=StoredFeatures(**{name: arrays[name] for name in names}), focal=focal)

    @classmethod
    def joined(cls, parts: Sequence[KeyframeSet]) -> KeyframeSet:
        """Join the keyframes of several drives; their features were found at one focal length."""
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _NAMES}
        return cls(**joined, features=StoredFeatures.joined([p.features for p in parts]), focal=parts[0].focal)
