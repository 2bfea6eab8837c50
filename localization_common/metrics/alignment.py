"""Alignment of trajectories that are in different frames, by least squares over their positions (Umeyama, 1991)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from evo.core import geometry

from localization_common.errors import DatasetError

Array = npt.NDArray[np.float64]

#: Smallest width of a trajectory as a share of its length; on a straight line, no rotation about it is the best.
_LEAST_WIDTH = 1e-6


@dataclass(frozen=True)
class Alignment:
    """Transform from the frame of estimated poses to the frame of the truth.

    Attributes:
        truth_T_estimated: (4, 4) rigid part.
        scale: metres of the truth for one unit of the estimate; 1 for a rigid alignment.
    """

    truth_T_estimated: Array
    scale: float = 1.0

    @property
    def scale_error(self) -> float:
        """Share by which lengths of the estimate are too large; negative if they are too small."""
        return 1.0 / self.scale - 1.0

    def applied(self, poses: Array) -> Array:
        """Poses (N, 4, 4) in the frame of the truth, with positions in metres; NaN stays NaN."""
        scaled = poses.copy()
        scaled[:, :3, 3] *= self.scale
        return np.asarray(self.truth_T_estimated @ scaled)


def align(estimated: Array, truth: Array, *, scaled: bool = False) -> Alignment:
    """Find the alignment with the smallest squared distances between positions.

    Args:
        estimated: (N, 4, 4) poses; rows with NaN are not used.
        truth: (N, 4, 4) true poses of the same body; rows with NaN are not used.
        scaled: find a scale, too (a similarity instead of a rigid transform).

    Raises:
        DatasetError: the positions that both have do not fix a rotation.
    """
    known = np.isfinite(estimated).all(axis=(1, 2)) & np.isfinite(truth).all(axis=(1, 2))
    ours, true = estimated[known, :3, 3], truth[known, :3, 3]
    if min(_width(ours), _width(true)) < _LEAST_WIDTH:
        raise DatasetError(
            f"{known.sum()} poses with a true pose cannot be aligned: three or more are needed that do not lie on one "
            "line"
        )
    rotation, translation, scale = geometry.umeyama_alignment(ours.T, true.T, with_scale=scaled)
    truth_T_estimated = np.eye(4)
    truth_T_estimated[:3, :3], truth_T_estimated[:3, 3] = rotation, translation
    return Alignment(truth_T_estimated, float(scale))


def _width(positions: Array) -> float:
    """Standard deviation across the main direction of positions (N, 3), as a share of that along it."""
    if len(positions) < 3:
        return 0.0
    along, across, _ = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)
    return float(across / along) if along > 0.0 else 0.0
