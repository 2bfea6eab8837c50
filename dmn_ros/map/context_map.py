"""Context map, the map of the DMN: views with image embeddings and planar poses, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dmn_ros.map.planar_mount import UNKNOWN, PlanarMount
from dmn_ros.map.view_coverage import cover, view_distance
from dmn_ros.network.dmn import DMN
from localization_common.errors import CheckpointError, MapError
from localization_common.files import tensor_files
from localization_common.geometry.covariances import is_covariance

Array = npt.NDArray[np.float64]
Bounds = tuple[float, float, float, float]

KIND = "context_map"
VERSION = 4
#: Bytes; a larger file is mapped into memory rather than read: one image needs few of its views.
_MAPPED_BYTES = 1 << 26
#: Largest distance from the map's origin, metres: farther away, float32 positions are metres apart.
_FARTHEST = 1e7
_FLOATS = (torch.float64, torch.float32)
#: Tensors of a file with their first version, their dtypes and shapes; None is the number of views, -1 any size.
_TENSORS: dict[str, tuple[int, tuple[torch.dtype, ...], tuple[int | None, ...]]] = {
    "features": (1, (torch.float32, torch.float16, torch.bfloat16), (None, -1, -1, -1)),
    "poses": (1, _FLOATS, (None, 3)),
    "covariances": (2, _FLOATS, (None, 3, 3)),
    "reliability": (3, _FLOATS, (None,)),
}


@dataclass(frozen=True)
class ContextMap:
    """Views of one place.

    Attributes:
        features: (N, C, h, w) context embeddings.
        poses: (N, 3) poses of the base in the map frame: x, y (metres), yaw (radians).
        bounds: (min_x, min_y, max_x, max_y) of the area where the robot can be, metres.
        scale: metres per map unit; the network works in map units.
        frame_id: name of the map frame.
        fingerprint: fingerprint of the embedding network; features of other weights have no meaning for it.
        covariances: (N, 3, 3) covariances of the poses: x, y, yaw (metres, radians). They are zero in a map that was
            made from ground truth, and by default.
        reliability: (N,) reliability of the views, 0..1 (`dmn_ros.map.view_reliability`); 1 by default.
        mount: planar base_P_camera (metres, radians) of the robot; the network needs the poses of the cameras.
    """

    features: Tensor
    poses: Array
    bounds: Bounds
    scale: float
    frame_id: str
    fingerprint: str
    covariances: Array = field(default_factory=lambda: np.zeros((0, 3, 3)))
    reliability: Array = field(default_factory=lambda: np.zeros(0))
    mount: PlanarMount = UNKNOWN

    def __post_init__(self) -> None:
        if len(self.covariances) == 0:
            object.__setattr__(self, "covariances", np.zeros((len(self.poses), 3, 3)))
        if len(self.reliability) == 0:
            object.__setattr__(self, "reliability", np.ones(len(self.poses)))
        if self.features.ndim != 4 or self.poses.shape != (len(self.features), 3) or len(self.poses) == 0:
            raise MapError(f"features {tuple(self.features.shape)} and poses {self.poses.shape} are no set of views")
        if self.covariances.shape != (len(self.poses), 3, 3):
            raise MapError(f"covariances {self.covariances.shape} do not belong to {len(self.poses)} views")
        within = (self.reliability >= 0.0) & (self.reliability <= 1.0)
        if within.shape != (len(self.poses),) or not within.all():
            raise MapError(f"reliabilities {self.reliability} must be {len(self.poses)} numbers in 0..1")
        finite = all(bool(torch.isfinite(part).all()) for part in torch.split(self.features, 256))
        if not (finite and np.isfinite(self.poses).all() and np.isfinite(self.covariances).all()):
            raise MapError("views hold NaN or infinity")
        if not is_covariance(self.covariances):
            raise MapError("a covariance of a view is not symmetric, or a variance is negative or too large")
        if not np.isfinite(self.mount).all() or len(self.mount) != 3:
            raise MapError(f"mount {self.mount} must be three finite numbers: x, y, yaw")
        min_x, min_y, max_x, max_y = self.bounds
        if not (np.isfinite(self.bounds).all() and min_x < max_x and min_y < max_y and 0.0 < self.scale < _FARTHEST):
            raise MapError(f"bounds {self.bounds} must be an increasing box and scale {self.scale} positive")
        if max(np.abs(self.bounds).max(), np.abs(self.poses[:, :2]).max()) > _FARTHEST:
            raise MapError(
                f"bounds {self.bounds} or views are more than {_FARTHEST:.0f} m from the map's origin: "
                "move the origin into the place"
            )

    def __len__(self) -> int:
        return len(self.poses)

    def add(self, features: Tensor, pose: npt.ArrayLike, covariance: npt.ArrayLike | None = None) -> ContextMap:
        """Return the map with one more view: features (C, h, w), pose (3,), covariance (3, 3; zero by default).

        The bounds grow to contain it.
        """
        view = np.asarray(pose, dtype=np.float64)
        added = np.zeros((3, 3)) if covariance is None else np.asarray(covariance, dtype=np.float64)
        finite = bool(np.isfinite(view).all() and np.isfinite(added).all())
        if features.shape != self.features.shape[1:] or view.shape != (3,) or added.shape != (3, 3) or not finite:
            raise MapError(
                f"a view of {tuple(features.shape)} at {view.tolist()} with covariance {added.tolist()} does not fit "
                f"views of {tuple(self.features.shape[1:])}"
            )
        x, y = float(view[0]), float(view[1])
        return replace(
            self,
            features=torch.cat([self.features, features[None].to(self.features)]),
            poses=np.concatenate([self.poses, view[None]]),
            covariances=np.concatenate([self.covariances, added[None]]),
            reliability=np.append(self.reliability, 1.0),
            bounds=_around(self.bounds, (x, y, x, y)),
        )

    def pruned(self, *, spacing_d: float, spacing_a: float, max_views: int) -> ContextMap:
        """Return the map without views that other views cover (metres, radians), and without unreliable ones.

        A view is unreliable if more images were evidence against it than for it; the most reliable view always stays.
        Of views that cover each other, the oldest stays.
        """
        reliable = np.flatnonzero(self.reliability >= min(0.5, self.reliability.max()))
        chosen = cover(self.poses[reliable], spacing_d=spacing_d, spacing_a=spacing_a, max_views=max_views)
        return self._selected(reliable[np.sort(chosen)])

    def _selected(self, kept: npt.NDArray[np.int64]) -> ContextMap:
        return replace(
            self,
            features=self.features[torch.from_numpy(kept)],
            poses=self.poses[kept],
            covariances=self.covariances[kept],
            reliability=self.reliability[kept],
        )

    def merged(self, other: ContextMap, *, spacing_d: float, spacing_a: float) -> ContextMap:
        """Return the map with another map's views; of views that cover each other, the more certain ones stay.

        Args:
            other: map of the same place.
            spacing_d, spacing_a: metres and radians, see `view_distance`. Of two equally certain views, that of this
                map stays.

        Raises:
            MapError: the other map has another frame, scale, network or mount.
        """
        for name in ("frame_id", "scale", "fingerprint", "mount"):
            if getattr(self, name) != getattr(other, name):
                raise MapError(f"maps of {name} {getattr(self, name)!r} and {getattr(other, name)!r} cannot be merged")
        unit = np.array([spacing_d, spacing_d, spacing_a]) ** 2
        variance, new_variance = (np.einsum("nii,i->n", m.covariances, 1.0 / unit) for m in (self, other))
        kept, added = np.ones(len(self), dtype=bool), np.ones(len(other), dtype=bool)
        for i, pose in enumerate(other.poses):
            near = kept & (view_distance(self.poses, pose, spacing_d=spacing_d, spacing_a=spacing_a) <= 1.0)
            added[i] = not (near & (variance <= new_variance[i])).any()
            if added[i]:
                kept &= ~near
        features = [m.features[torch.from_numpy(chosen)] for m, chosen in ((self, kept), (other, added))]
        return replace(
            self,
            features=torch.cat(features),
            poses=np.concatenate([self.poses[kept], other.poses[added]]),
            covariances=np.concatenate([self.covariances[kept], other.covariances[added]]),
            reliability=np.concatenate([self.reliability[kept], other.reliability[added]]),
            bounds=_around(self.bounds, other.bounds),
        )

    def require_made_by(self, network: DMN, name: str | Path) -> None:
        """Raise MapError, with the name of the file, if another network made the embeddings."""
        expected = network.context_fingerprint()
        if self.fingerprint != expected:
            raise MapError(
                f"{name}: made with embedding network {self.fingerprint}, the checkpoint has {expected}; "
                "build the map again with dmn_build_map and this checkpoint"
            )
        size = (network.config.feature_channels, *network.config.grid)
        if tuple(self.features.shape[1:]) != size:
            raise MapError(
                f"{name}: views of {tuple(self.features.shape[1:])}, but the checkpoint's network makes {size}; "
                "build the map again with dmn_build_map and this checkpoint"
            )

    def save(self, path: str | Path) -> None:
        """Write the file of the map in one step: no reader gets a part of it, and on failure the old file stays.

        Raises:
            MapError: the file cannot be written.
        """
        header = {
            "version": VERSION,
            "bounds": list(self.bounds),
            "scale": self.scale,
            "frame_id": self.frame_id,
            "fingerprint": self.fingerprint,
            "mount": list(self.mount),
        }
        tensors = {
            "features": self.features,
            "poses": torch.from_numpy(self.poses),
            "covariances": torch.from_numpy(self.covariances),
            "reliability": torch.from_numpy(self.reliability),
        }
        try:
            tensor_files.save(path, kind=KIND, tensors=tensors, header=header)
        except CheckpointError as error:
            raise MapError(str(error)) from error

    @classmethod
    def load(cls, path: str | Path) -> ContextMap:
        """Read a file that `save` wrote, of this version or before.

        Version 1 had no covariances, versions 1 and 2 had no reliability. Versions 1 to 3 had no mount: the networks
        got the poses of bases, which equals a mount of zeros.

        The embeddings of a large file are read from the disk when they are needed.

        Raises:
            MapError: the file is missing, truncated, damaged, of another kind or of a newer version.
        """
        try:
            large = Path(path).is_file() and Path(path).stat().st_size > _MAPPED_BYTES
            tensors, header = tensor_files.load(path, kind=KIND, mapped=large)
        except CheckpointError as error:
            raise MapError(str(error)) from error
        version = header.get("version")
        if type(version) is not int or not 1 <= version <= VERSION:
            raise MapError(f"{path}: map version {version!r:.50}, this program reads 1 to {VERSION}")
        _require_tensors(path, tensors, version)
        try:
            min_x, min_y, max_x, max_y = (float(value) for value in header["bounds"])
            covariances = tensors["covariances"] if version > 1 else torch.zeros(0, 3, 3)
            reliability = tensors["reliability"] if version > 2 else torch.zeros(0)
            x, y, yaw = (float(value) for value in (header["mount"] if version > 3 else UNKNOWN))
            return cls(
                features=tensors["features"].to(torch.float32),
                poses=tensors["poses"].numpy().astype(np.float64),
                bounds=(min_x, min_y, max_x, max_y),
                scale=float(header["scale"]),
                frame_id=str(header["frame_id"]),
                fingerprint=str(header["fingerprint"]),
                covariances=covariances.numpy().astype(np.float64),
                reliability=reliability.numpy().astype(np.float64),
                mount=(x, y, yaw),
            )
        except (KeyError, TypeError, ValueError, ArithmeticError, MapError) as error:
            raise MapError(f"{path}: not a usable map ({error}); build it again with dmn_build_map") from error


def _require_tensors(path: str | Path, tensors: Mapping[str, Tensor], version: int) -> None:
    """Raise MapError for tensors that do not fit a map of this version, before anything is computed from them."""
    for name, (since, dtypes, shape) in _TENSORS.items():
        if version < since:
            continue
        if name not in tensors:
            raise MapError(f"{path}: not a usable map (it lacks {name}); build it again with dmn_build_map")
        tensor, poses = tensors[name], tensors.get("poses", torch.zeros(0))
        views = len(poses) if poses.ndim else 0
        wanted = tuple(views if size is None else size for size in shape)
        fits = tensor.ndim == len(wanted) and all(w in (-1, s) for w, s in zip(wanted, tensor.shape, strict=True))
        if tensor.dtype not in dtypes or not fits or 0 in tensor.shape:
            raise MapError(
                f"{path}: not a usable map ({name} is {tensor.dtype} {tuple(tensor.shape)} of {views} poses); "
                "build it again with dmn_build_map"
            )


def _around(a: Bounds, b: Bounds) -> Bounds:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])
