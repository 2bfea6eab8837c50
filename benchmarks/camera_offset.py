"""Alignment of a map with true poses of another body than its camera, such as those of a depth camera beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from localization_common.geometry import se3
from localization_common.metrics.alignment import Alignment, align

Array = npt.NDArray[np.float64]

#: Distances and angles that count as much as each other, metres and radians.
_METRES, _RADIANS = 0.02, float(np.radians(1.0))


@dataclass(frozen=True)
class OffsetAlignment:
    """Similarity from the map to the truth, and the constant offset of the body that the true poses are of.

    Attributes:
        alignment: similarity between the frames.
        camera_T_body: (4, 4) offset.
    """

    alignment: Alignment
    camera_T_body: Array

    def applied(self, poses: Array) -> Array:
        """Poses (N, 4, 4) of the body, in the frame of the truth."""
        return np.asarray(self.alignment.applied(poses) @ self.camera_T_body)


def align_with_offset(estimated: Array, truth: Array) -> OffsetAlignment:
    """Find the similarity and the offset with the smallest robust distances and angles.

    Args:
        estimated: (N, 4, 4) poses of the camera; rows with NaN are not used.
        truth: (N, 4, 4) true poses of the body.

    Raises:
        DatasetError: see `align`.
    """
    known = np.isfinite(estimated).all(axis=(1, 2)) & np.isfinite(truth).all(axis=(1, 2))
    start = align(estimated, truth, scaled=True)
    near, true = start.applied(estimated[known]), truth[known]

    def parts(x: Array) -> tuple[Array, Array]:
        return se3.exp(x[:6]), se3.exp(x[6:12])

    def residuals(x: Array) -> Array:
        world, offset = parts(x)
        scaled = near.copy()
        scaled[:, :3, 3] *= x[12]
        poses = world @ scaled @ offset
        turned = Rotation.from_matrix(np.swapaxes(poses[:, :3, :3], 1, 2) @ true[:, :3, :3]).as_rotvec()
        moved = poses[:, :3, 3] - true[:, :3, 3]
        return np.concatenate([moved.ravel() / _METRES, turned.ravel() / _RADIANS])

    found = least_squares(residuals, np.append(np.zeros(12), 1.0), loss="soft_l1").x
    world, offset = parts(found)
    # p -> world (factor (R scale p + t)): the similarity that `start` becomes.
    moved = start.truth_T_estimated.copy()
    moved[:3, 3] *= found[12]
    return OffsetAlignment(Alignment(world @ moved, start.scale * float(found[12])), offset)
