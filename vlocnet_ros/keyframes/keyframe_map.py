"""Points in space with what they look like, and the keyframes that saw them; as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from localization_common.errors import CheckpointError, MapError
from localization_common.files import tensor_files
from vlocnet_ros.keyframes.features import Descriptors
from vlocnet_ros.keyframes.frame_correction import FrameCorrection
from vlocnet_ros.keyframes.lens_correction import LensCorrection
from vlocnet_ros.keyframes.retrieval import THUMBNAIL

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

KIND = "keyframe_map"
VERSION = 1
#: Descriptors are stored as bytes; entries of unit vectors with 128 of them hardly exceed a half.
_SCALE = 512.0
#: Metres, pixels, factors: what exceeds this is a damaged number.
_LARGEST = 1e9
#: Features that are looked for in one image, at most.
_MOST_FEATURES = 100_000
#: Entries by which a rotation times its transpose may differ from one.
_UNSTRAIGHT = 1e-3
_TENSORS = {
    "points": (torch.float32, (None, 3)),
    "descriptors": (torch.uint8, (None, 128)),
    "appearance_point": (torch.int32, (None,)),
    "directions": (torch.float32, (None, 3)),
    "ranges": (torch.float32, (None,)),
    "given": (torch.float64, (None, 4, 4)),
    "adjusted": (torch.float64, (None, 4, 4)),
    "thumbnails": (torch.uint8, (None, THUMBNAIL)),
    "doubles": (torch.bool, (None,)),
    "variance": (torch.float64, (2, 6)),
}


@dataclass(frozen=True)
class KeyframeMap:
    """What `vlocnet_build_keyframes` makes, and `Refiner` reads.

    A point has one or more appearances: it looks different from elsewhere.

    Attributes:
        points: (P, 3) metres, in the adjusted map.
        descriptors: (A, 128) uint8 of the appearances, in the order of their points; see `float_descriptors`.
        appearance_point: (A,) which point each is of.
        directions: (A, 3) unit vectors from where it was seen to the point.
        ranges: (A,) metres from there to the point.
        correction: from the adjusted map to the frame of the poses that were given; holds the keyframes' poses.
        thumbnails: (K, T) uint8 of the keyframes, for finding the like of an image.
        doubles: (K,) whether the keyframe's view is found elsewhere in the map too.
        lens: of the camera that the map was built with.
        focal: pixels, of the images that features were found in.
        features: at most so many in one image.
        noise: standard deviation of a ray at depth one.
        covariance_scale: by which covariances of refined poses are multiplied, as measured on frames of the recording.
        card: how it came to be.
    """

    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]
    appearance_point: npt.NDArray[np.int32]
    directions: npt.NDArray[np.float32]
    ranges: npt.NDArray[np.float32]
    correction: FrameCorrection
    thumbnails: npt.NDArray[np.uint8]
    doubles: npt.NDArray[np.bool_]
    lens: LensCorrection
    focal: float
    features: int
    noise: float
    covariance_scale: float
    card: Mapping[str, Any]

    def float_descriptors(self, rows: Indices) -> Descriptors:
        """(R, 128) of these appearances, of length one; only these rows are read from a mapped file."""
        values = self.descriptors[rows].astype(np.float32)
        return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9))

    def with_keyframes(self, left: npt.NDArray[np.bool_]) -> KeyframeMap:
        """The map with some of its keyframes (K,) alone, at least one; all points stay."""
        correction = replace(
            self.correction, given=self.correction.given[left], adjusted=self.correction.adjusted[left]
        )
        return replace(self, correction=correction, thumbnails=self.thumbnails[left], doubles=self.doubles[left])

    def near_doubled(self, map_T_camera: Array, metres: float) -> bool:
        """Whether any keyframe so near a pose (4, 4) of the adjusted map has a view that is found elsewhere too."""
        away = np.linalg.norm(self.correction.adjusted[:, :3, 3] - map_T_camera[:3, 3], axis=1)
        return bool((self.doubles & (away < metres)).any())

    def save(self, path: str | Path) -> None:
        """Write the file, all or nothing.

        Raises:
            CheckpointError: it cannot be written there.
        """
        arrays = {name: getattr(self, name) for name in _TENSORS if hasattr(self, name)}
        arrays |= {name: getattr(self.correction, name) for name in ("given", "adjusted", "variance")}
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        header = {
            "version": VERSION,
            "kernel": [self.correction.metres, self.correction.radians],
            "lens": [self.lens.focal, self.lens.radial],
            "focal": self.focal,
            "features": self.features,
            "noise": self.noise,
            "covariance_scale": self.covariance_scale,
            "card": dict(self.card),
        }
        tensor_files.save(path, kind=KIND, tensors=tensors, header=header)

    @classmethod
    def load(cls, path: str | Path) -> KeyframeMap:
        """Map in a file, whose tensors are read when they are looked at.

        Raises:
            CheckpointError: the file is missing, damaged or of another kind.
            MapError: of another version, or its parts do not fit together.
        """
        tensors, header = tensor_files.load(path, kind=KIND, mapped=True)
        version = header.get("version")
        if type(version) is not int or version != VERSION:
            raise MapError(
                f"{path}: keyframe map of version {version!r:.50}, this program reads {VERSION}; build it again"
            )
        _require_shapes(path, tensors)
        arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in tensors.items()}
        given, adjusted, variance = (arrays.pop(name) for name in ("given", "adjusted", "variance"))
        try:
            metres, radians = map(float, header["kernel"])
            lens_focal, lens_radial = map(float, header["lens"])
            parts: dict[str, Any] = {
                "correction": FrameCorrection(given, adjusted, metres, radians, variance),
                "lens": LensCorrection(lens_focal, lens_radial),
                "focal": float(header["focal"]),
                "features": int(header["features"]),
                "noise": float(header["noise"]),
                "covariance_scale": float(header["covariance_scale"]),
                "card": dict(header["card"]),
            }
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise MapError(f"{path}: header is damaged ({error}); build the map again") from error
        known = cls(**arrays, **parts)
        try:
            known.require_sound()
        except MapError as error:
            raise MapError(f"{path}: {error}; take another copy of the file, or build the map again") from error
        return known

    def require_sound(self) -> None:
        """Refuse numbers that no map can have.

        Raises:
            MapError: says which.
        """
        correction = self.correction
        positive = {
            "kernel's metres": correction.metres,
            "kernel's radians": correction.radians,
            "lens's focal": self.lens.focal,
            "focal": self.focal,
            "noise": self.noise,
            "covariance_scale": self.covariance_scale,
        }
        for name, value in positive.items():
            if not 0.0 < value < _LARGEST:
                raise MapError(f"{name} is {value}, which is not positive")
        if not abs(self.lens.radial) < _LARGEST or not 1 <= self.features <= _MOST_FEATURES:
            raise MapError(f"lens's radial is {self.lens.radial}, features {self.features}; at most {_MOST_FEATURES}")
        if not (correction.variance >= 0.0).all():
            raise MapError(f"variance holds {int((correction.variance < 0.0).sum())} negative numbers")
        if not (self.ranges >= 0.0).all():
            raise MapError(f"ranges holds {int((self.ranges < 0.0).sum())} negative numbers")
        for name, poses in (("given", correction.given), ("adjusted", correction.adjusted)):
            wrong = ~_rigid(poses)
            if wrong.any():
                raise MapError(f"{name}: {int(wrong.sum())} of {len(poses)} are no poses")


def _rigid(poses: Array) -> npt.NDArray[np.bool_]:
    """Which of matrices (K, 4, 4) are rotations with translations."""
    turn = poses[:, :3, :3]
    straight = np.abs(turn @ np.swapaxes(turn, 1, 2) - np.eye(3)).max(axis=(1, 2)) < _UNSTRAIGHT
    bottom = (poses[:, 3] == (0.0, 0.0, 0.0, 1.0)).all(axis=1)
    near = (np.abs(poses[:, :3, 3]) < _LARGEST).all(axis=1)
    return np.asarray(straight & bottom & near & (np.linalg.det(turn) > 0.0))


def to_bytes(descriptors: Descriptors) -> npt.NDArray[np.uint8]:
    """Descriptors (N, 128) of length one as `KeyframeMap` stores them."""
    return np.clip(np.rint(descriptors * _SCALE), 0, 255).astype(np.uint8)


def _require_shapes(path: str | Path, tensors: Mapping[str, torch.Tensor]) -> None:
    if set(tensors) != set(_TENSORS):
        raise CheckpointError(f"{path}: tensors {sorted(tensors)}, expected {sorted(_TENSORS)}; build the map again")
    for name, (dtype, shape) in _TENSORS.items():
        tensor = tensors[name]
        fits = len(shape) == tensor.ndim and all(w in (None, h) for w, h in zip(shape, tensor.shape, strict=True))
        if tensor.dtype != dtype or not fits:
            raise CheckpointError(f"{path}: {name} is {tensor.dtype} {tuple(tensor.shape)}; build the map again")
    appearances = {len(tensors[name]) for name in ("descriptors", "appearance_point", "directions", "ranges")}
    keyframes = {len(tensors[name]) for name in ("given", "adjusted", "thumbnails", "doubles")}
    alike = len(appearances) == len(keyframes) == 1 and 0 not in appearances | keyframes
    if not alike or not _ascending(tensors["appearance_point"], len(tensors["points"])):
        raise CheckpointError(f"{path}: its tensors do not fit together; build the map again")


def _ascending(values: torch.Tensor, end: int) -> bool:
    """Whether values (N,), at least one, never decrease and are indices below an end."""
    return bool((values[1:] >= values[:-1]).all()) and int(values[0]) >= 0 and int(values[-1]) < end
