"""Fitting a map's `FrameCorrection`: how far corrections reach, and how well they tell those of poses between."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from vlocnet_ros.keyframes.frame_correction import FARTHEST, FrameCorrection, twists, weighted
from vlocnet_ros.keyframes.keyframe_selection import distances

Array = npt.NDArray[np.float64]

#: Widths of the kernel that are tried, in distances between neighbouring keyframes.
_WIDTHS = (1.5, 3.0, 6.0, 12.0, 24.0)
#: Distances, in widths, from which on other keyframes tell a keyframe's correction.
_LEFT_OUT = (0.0, 1.0, 2.0)
#: Metres to the scene, by which errors in rotation are made comparable to those in position.
_SCENE = 2.0


def fit_correction(given: Array, adjusted: Array, *, metres: float, radians: float) -> FrameCorrection:
    """Correction whose kernel tells each keyframe's from the others' best.

    Args:
        given, adjusted: (K, 4, 4) poses of the keyframes, map_T_camera.
        metres, radians: what a distance of 1 between keyframes means (`coverage.distances`).
    """
    between = np.stack([distances(adjusted, pose, metres=metres, radians=radians) for pose in adjusted])
    np.fill_diagonal(between, np.inf)
    if len(given) < 3:
        return FrameCorrection(given, adjusted, metres, radians, np.zeros((2, 6)))
    values, spacing = twists(given, adjusted), float(np.median(between.min(axis=1)))
    width = spacing * min(_WIDTHS, key=lambda factor: _left_out_error(values, between / (factor * spacing)))
    return FrameCorrection(given, adjusted, metres * width, radians * width, _variance(values, between / width))


def _left_out_error(values: Array, away: Array) -> float:
    """Mean squared error of each keyframe's correction (K, 6) by the others', given their distances (K, K)."""
    errors = np.stack([weighted(values, row) for row in away]) - values
    return float(np.mean(errors[:, :3] ** 2) + _SCENE**2 * np.mean(errors[:, 3:] ** 2))


def _variance(values: Array, away: Array) -> Array:
    """`FrameCorrection.variance`, from how well keyframes are told by those farther than some distance."""
    squared, errors = [], []
    for k, row in enumerate(away):
        for least in _LEFT_OUT:
            left = np.isfinite(row) & (row >= least)
            if left.any():
                squared.append(min(row[left].min(), FARTHEST) ** 2)
                errors.append((weighted(values[left], row[left]) - values[k]) ** 2)
    design = np.column_stack([np.ones(len(squared)), squared])
    return np.stack([nnls(design, column)[0] for column in np.stack(errors).T], axis=1)
