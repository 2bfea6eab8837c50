"""Keyframe map: keyframes with 3D points and descriptors, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from localization_common.errors import MapError
from localization_common.files import tensor_files
from localization_common.geometry.se3 import FARTHEST
from localization_common.keyframes import retrieval
from localization_common.keyframes.features import Descriptors
from localization_common.keyframes.frame_correction import FrameCorrection
from localization_common.keyframes.image_vectors import ImageVectors
from localization_common.keyframes.keyframe_tensors import (
    BASIS,
    REPEATED_VIEW,
    TENSORS,
    TILES,
    VECTORS,
    VERSION,
    require_shapes,
)
from localization_common.keyframes.lens_correction import LensCorrection
from localization_common.keyframes.point_tiles import PointTiles, tile_order

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Image = npt.NDArray[np.uint8]

KIND = "keyframe_map"
#: Factor from descriptors to bytes: entries of unit vectors of length 128 rarely exceed 0.5.
_SCALE = 512.0
#: Largest valid number of metres, pixels or factors; larger ones mean a damaged file.
_LARGEST = 1e9
#: Largest number of features in one image.
_MOST_FEATURES = 100_000
#: Largest entry by which a rotation times its transpose may differ from the identity.
_UNSTRAIGHT = 1e-3


@dataclass(frozen=True)
class KeyframeMap:
    """Keyframe map that `vlocnet_build_keyframes` writes and `Refiner` uses.

    A point has one or more appearances, since it looks different from other directions and distances.

    Attributes:
        points: (P, 3) metres, in the adjusted map.
        descriptors: (A, 128) uint8 descriptors of the appearances, in the order of their points; see
            `float_descriptors`.
        appearance_point: (A,) index of each appearance's point.
        directions: (A, 3) unit vectors from the camera that saw it to the point.
        ranges: (A,) metres from that camera to the point.
        correction: correction from the adjusted map to the frame of the given poses, with the keyframes' poses.
        thumbnails: (K, T) uint8 thumbnails of the keyframes.
        repeated_view: (K,) true if the map has a similar view at another place.
        lens: lens of the camera with which the map was built.
        focal: focal length of the images in which features were found, pixels.
        features: largest number of features in one image.
        noise: standard deviation of a ray at depth one.
        covariance_scale: factor of the covariances of refined poses, measured on frames of the recording.
        card: origin of the map.
        image_vectors: vectors of the keyframes, to find similar keyframes for an image. None in a file of version 1:
            then the thumbnails are used.
        tile_first: (T,) index of the first point of each tile, see `tiled`; 0 alone in a map without tiles, such as one
            of a file of version 1 or 2.
    """

    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]
    appearance_point: npt.NDArray[np.int32]
    directions: npt.NDArray[np.float32]
    ranges: npt.NDArray[np.float32]
    correction: FrameCorrection
    thumbnails: npt.NDArray[np.uint8]
    repeated_view: npt.NDArray[np.bool_]
    lens: LensCorrection
    focal: float
    features: int
    noise: float
    covariance_scale: float
    card: Mapping[str, Any]
    image_vectors: ImageVectors | None = None
    tile_first: npt.NDArray[np.int32] = field(default_factory=lambda: np.zeros(1, dtype=np.int32))

    @cached_property
    def tiles(self) -> PointTiles:
        """Tiles of the points."""
        return PointTiles(self.tile_first, self.points, self.appearance_point, self.ranges)

    def tiled(self) -> KeyframeMap:
        """Return the map with its points in the order of tiles, so that a place's points are together in the file."""
        reach = np.zeros(len(self.points), dtype=np.float32)
        np.maximum.at(reach, self.appearance_point, self.ranges)
        order, first = tile_order(self.points, reach)
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        owner = place[self.appearance_point]
        rows = np.argsort(owner, kind="stable")
        return replace(
            self,
            points=self.points[order],
            descriptors=self.descriptors[rows],
            appearance_point=owner[rows],
            directions=self.directions[rows],
            ranges=self.ranges[rows],
            tile_first=first,
        )

    def float_descriptors(self, rows: Indices) -> Descriptors:
        """Return descriptors (R, 128) of these appearances, of length one; reads only these rows of a mapped file."""
        return from_bytes(self.descriptors[rows])

    def with_keyframes(self, kept: npt.NDArray[np.bool_]) -> KeyframeMap:
        """Return the map with only some of its keyframes (K,), at least one, and all points."""
        correction = replace(
            self.correction, given=self.correction.given[kept], adjusted=self.correction.adjusted[kept]
        )
        return replace(
            self,
            correction=correction,
            thumbnails=self.thumbnails[kept],
            repeated_view=self.repeated_view[kept],
            image_vectors=None if self.image_vectors is None else self.image_vectors.select(kept),
        )

    def similar_to_image(self, image: Image, descriptors: Descriptors, count: int) -> Indices:
        """Return the keyframes most similar to an image, best first.

        Args:
            image: (H, W, 3) uint8 RGB.
            descriptors: (F, 128) descriptors of its features.
            count: number of keyframes to return.
        """
        if self.image_vectors is None:
            return retrieval.nearest(self.thumbnails, retrieval.thumbnail(image), count)
        return retrieval.best(self.image_vectors.similarity(descriptors), count)

    def similar_to_keyframe(self, keyframe: int, others: Indices, count: int) -> Indices:
        """Return those of the other keyframes (N,) that are most similar to a keyframe, best first."""
        if self.image_vectors is None:
            return others[retrieval.nearest(self.thumbnails[others], self.thumbnails[keyframe], count)]
        return others[retrieval.best(self.image_vectors.similarity_to(keyframe)[others], count)]

    def near_repeated_view(self, map_T_camera: Array, metres: float) -> bool:
        """True if a keyframe with a repeated view is within a distance of a pose (4, 4) of the adjusted map."""
        away = np.linalg.norm(self.correction.adjusted[:, :3, 3] - map_T_camera[:3, 3], axis=1)
        return bool((self.repeated_view & (away < metres)).any())

    def save(self, path: str | Path) -> None:
        """Write the file completely or not at all.

        Raises:
            CheckpointError: the file cannot be written.
        """
        arrays = {name: getattr(self, name) for name in TENSORS if hasattr(self, name)}
        arrays[REPEATED_VIEW] = self.repeated_view
        arrays |= {name: getattr(self.correction, name) for name in ("given", "adjusted", "variance")}
        if self.image_vectors is not None:
            arrays |= {name: getattr(self.image_vectors, name) for name in VECTORS}
            arrays |= {TILES: self.tile_first, BASIS: self.image_vectors.basis}
        tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        header = {
            "version": 1 if self.image_vectors is None else VERSION,
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
        """Open the map in a file; its tensors are read when they are used.

        Raises:
            CheckpointError: the file is missing, damaged or of another kind.
            MapError: the file has another version, or its parts do not fit together.
        """
        tensors, header = tensor_files.load(path, kind=KIND, mapped=True)
        version = header.get("version")
        if type(version) is not int or not 1 <= version <= VERSION:
            raise MapError(
                f"{path}: keyframe map of version {version!r:.50}, this program reads 1 to {VERSION}; build it again"
            )
        require_shapes(path, tensors, version)
        arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in tensors.items()}
        arrays["repeated_view"] = arrays.pop(REPEATED_VIEW)
        if version > 1:
            basis = {"basis": arrays.pop(BASIS)} if version > 2 else {}
            arrays["image_vectors"] = ImageVectors(*(arrays.pop(name) for name in VECTORS), **basis)
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
        keyframe_map = cls(**arrays, **parts)
        try:
            keyframe_map.require_valid()
        except MapError as error:
            raise MapError(f"{path}: {error}; take another copy of the file, or build the map again") from error
        return keyframe_map

    def require_valid(self) -> None:
        """Refuse numbers that no map can have.

        Raises:
            MapError: a number is not valid; names it.
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
            if not 1.0 / _LARGEST < value < _LARGEST:
                raise MapError(f"{name} is {value}, which is not positive, or not possible")
        if not abs(self.lens.radial) < _LARGEST or not 1 <= self.features <= _MOST_FEATURES:
            raise MapError(f"lens's radial is {self.lens.radial}, features {self.features}; at most {_MOST_FEATURES}")
        if not (correction.variance >= 0.0).all():
            raise MapError(f"variance holds {int((correction.variance < 0.0).sum())} negative numbers")
        if not (self.ranges >= 0.0).all():
            raise MapError(f"ranges holds {int((self.ranges < 0.0).sum())} negative numbers")
        for part in ("points", "ranges", "directions"):
            if far := int((np.abs(getattr(self, part)) > FARTHEST).sum()):
                raise MapError(f"{part} holds {far} numbers beyond {FARTHEST:.0e} m")
        if (correction.variance > FARTHEST**2).any():
            raise MapError(f"variance holds numbers beyond {FARTHEST**2:.0e}")
        for name, poses in (("given", correction.given), ("adjusted", correction.adjusted)):
            wrong = ~_rigid(poses)
            if wrong.any():
                raise MapError(f"{name}: {int(wrong.sum())} of {len(poses)} are no poses")


def _rigid(poses: Array) -> npt.NDArray[np.bool_]:
    """Return which matrices (K, 4, 4) are rigid transforms."""
    turn = poses[:, :3, :3]
    straight = np.abs(turn @ np.swapaxes(turn, 1, 2) - np.eye(3)).max(axis=(1, 2)) < _UNSTRAIGHT
    bottom = (poses[:, 3] == (0.0, 0.0, 0.0, 1.0)).all(axis=1)
    near = (np.abs(poses[:, :3, 3]) < FARTHEST).all(axis=1)
    return np.asarray(straight & bottom & near & (np.linalg.det(turn) > 0.0))


def to_bytes(descriptors: Descriptors) -> npt.NDArray[np.uint8]:
    """Convert descriptors (N, 128) of length one to the bytes that `KeyframeMap` stores."""
    return np.clip(np.rint(descriptors * _SCALE), 0, 255).astype(np.uint8)


def from_bytes(descriptors: npt.NDArray[np.uint8]) -> Descriptors:
    """Convert the bytes of `to_bytes` (N, 128) to descriptors of length one."""
    values = descriptors.astype(np.float32)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9))
