"""Fit of a map's `FrameCorrection`: width of its kernel, and errors of the corrections between keyframes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from localization_common.keyframes.frame_correction import FARTHEST, FrameCorrection, twists, weighted
from localization_common.keyframes.keyframe_selection import distances

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Largest number of keyframes whose corrections are predicted from the others, evenly chosen.
_MOST = 1000
#: Widths of the kernel to try, in distances between neighbouring keyframes.
_WIDTHS = (1.5, 3.0, 6.0, 12.0, 24.0)
#: Smallest distances, in widths, of the other keyframes from which a keyframe's correction is predicted.
_LEFT_OUT = (0.0, 1.0, 2.0)
#: Distance of the scene in metres, to convert errors in rotation to errors in position.
_SCENE = 2.0


def fit_correction(given: Array, adjusted: Array, *, metres: float, radians: float) -> FrameCorrection:
    """Fit the correction whose kernel predicts each keyframe's correction from the others with the smallest error.

    Args:
        given, adjusted: (K, 4, 4) poses of the keyframes, map_T_camera.
        metres, radians: unit of distances between keyframes (`keyframe_selection.distances`).
    """
    if len(given) < 3:
        return FrameCorrection(given, adjusted, metres, radians, np.zeros((2, 6)))
    rows = np.unique(np.linspace(0, len(given) - 1, min(len(given), _MOST)).astype(np.int64))
    between = np.stack([distances(adjusted, adjusted[k], metres=metres, radians=radians) for k in rows])
    between[np.arange(len(rows)), rows] = np.inf
    values, spacing = twists(given, adjusted), float(np.median(between.min(axis=1)))
    width = spacing * min(_WIDTHS, key=lambda factor: _left_out_error(values, rows, between / (factor * spacing)))
    variance = _variance(values, rows, between / width)
    return FrameCorrection(given, adjusted, metres * width, radians * width, variance)


def _left_out_error(values: Array, rows: Indices, away: Array) -> float:
    """Return the mean squared error of predicting some corrections (R,) of all (K, 6) with distances (R, K)."""
    errors = np.stack([weighted(values, row) for row in away]) - values[rows]
    return float(np.mean(errors[:, :3] ** 2) + _SCENE**2 * np.mean(errors[:, 3:] ** 2))


def _variance(values: Array, rows: Indices, away: Array) -> Array:
    """Fit `FrameCorrection.variance` to the errors of predicting keyframes from those beyond some distances."""
    squared, errors = [], []
    for k, row in zip(rows.tolist(), away, strict=True):
        for least in _LEFT_OUT:
            others = np.isfinite(row) & (row >= least)
            if others.any():
                squared.append(min(row[others].min(), FARTHEST) ** 2)
                errors.append((weighted(values[others], row[others]) - values[k]) ** 2)
    design = np.column_stack([np.ones(len(squared)), squared])
    return np.stack([nnls(design, column)[0] for column in np.stack(errors).T], axis=1)
