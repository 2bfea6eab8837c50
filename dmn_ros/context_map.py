"""The map that the DMN localises in: views as image embeddings with planar poses, and its file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dmn_ros.coverage import cover
from dmn_ros.network.dmn import DMN
from localization_common import checkpoints
from localization_common.errors import CheckpointError, MapError

KIND = "context_map"
VERSION = 1


@dataclass(frozen=True)
class ContextMap:
    """Views of one place.

    Attributes:
        features: (N, C, h, w) context embeddings.
        poses: (N, 3) of the base in the map frame: x, y (metres), yaw (radians).
        bounds: (min_x, min_y, max_x, max_y) metres: where the robot can be.
        scale: metres per map unit; the network works in map units.
        frame_id: name of the map frame.
        fingerprint: of the embedding network; features of other weights are meaningless.
    """

    features: Tensor
    poses: npt.NDArray[np.float64]
    bounds: tuple[float, float, float, float]
    scale: float
    frame_id: str
    fingerprint: str

    def __post_init__(self) -> None:
        if self.features.ndim != 4 or self.poses.shape != (len(self.features), 3) or len(self.poses) == 0:
            raise MapError(f"features {tuple(self.features.shape)} and poses {self.poses.shape} are no set of views")
        if not (np.isfinite(self.poses).all() and bool(torch.isfinite(self.features).all())):
            raise MapError("views hold NaN or infinity")
        min_x, min_y, max_x, max_y = self.bounds
        if not (np.isfinite(self.bounds).all() and min_x < max_x and min_y < max_y and self.scale > 0):
            raise MapError(f"bounds {self.bounds} must be an increasing box and scale {self.scale} positive")

    def __len__(self) -> int:
        return len(self.poses)

    def add(self, features: Tensor, pose: npt.ArrayLike) -> ContextMap:
        """With one more view: features (C, h, w) and pose (3,); the bounds grow to hold it."""
        view = np.asarray(pose, dtype=np.float64)
        if features.shape != self.features.shape[1:] or view.shape != (3,) or not np.isfinite(view).all():
            raise MapError(
                f"a view of {tuple(features.shape)} at {view.tolist()} does not fit {self.features.shape[1:]}"
            )
        min_x, min_y, max_x, max_y = self.bounds
        x, y = float(view[0]), float(view[1])
        return replace(
            self,
            features=torch.cat([self.features, features[None].to(self.features)]),
            poses=np.concatenate([self.poses, view[None]]),
            bounds=(min(min_x, x), min(min_y, y), max(max_x, x), max(max_y, y)),
        )

    def pruned(self, *, spacing_d: float, spacing_a: float, max_views: int) -> ContextMap:
        """Without views that others cover (metres, radians); the oldest view stays."""
        kept = np.sort(cover(self.poses, spacing_d=spacing_d, spacing_a=spacing_a, max_views=max_views))
        return replace(self, features=self.features[torch.from_numpy(kept)], poses=self.poses[kept])

    def require_made_by(self, network: DMN, name: str | Path) -> None:
        """Raises MapError, naming the file, if another network made the embeddings."""
        expected = network.context_fingerprint()
        if self.fingerprint != expected:
            raise MapError(
                f"{name}: made with embedding network {self.fingerprint}, the checkpoint has {expected}; "
                "build the map again with dmn_build_map and this checkpoint"
            )

    def save(self, path: str | Path) -> None:
        """Write the map's file; a reader never sees half of it, and on failure the old file stays.

        Raises:
            MapError: the file cannot be written.
        """
        header = {
            "version": VERSION,
            "bounds": list(self.bounds),
            "scale": self.scale,
            "frame_id": self.frame_id,
            "fingerprint": self.fingerprint,
        }
        tensors = {"features": self.features, "poses": torch.from_numpy(self.poses)}
        try:
            checkpoints.save(path, kind=KIND, tensors=tensors, header=header)
        except CheckpointError as error:
            raise MapError(str(error)) from error

    @classmethod
    def load(cls, path: str | Path) -> ContextMap:
        """Read a file that `save` wrote.

        Raises:
            MapError: the file is missing, truncated, damaged, of another kind or of a newer version.
        """
        try:
            tensors, header = checkpoints.load(path, kind=KIND)
        except CheckpointError as error:
            raise MapError(str(error)) from error
        if header.get("version") != VERSION:
            raise MapError(f"{path}: map version {header.get('version')!r}, this program reads {VERSION}")
        try:
            min_x, min_y, max_x, max_y = (float(value) for value in header["bounds"])
            return cls(
                features=tensors["features"].to(torch.float32),
                poses=tensors["poses"].numpy().astype(np.float64),
                bounds=(min_x, min_y, max_x, max_y),
                scale=float(header["scale"]),
                frame_id=str(header["frame_id"]),
                fingerprint=str(header["fingerprint"]),
            )
        except (KeyError, TypeError, ValueError, MapError) as error:
            raise MapError(f"{path}: not a usable map ({error}); build it again with dmn_build_map") from error
