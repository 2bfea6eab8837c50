"""Scores of beliefs, and baselines that measure the difficulty of a drive."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import planar

Array = npt.NDArray[np.float64]


def pose_error(estimate: Array, truth: Array) -> tuple[float, float]:
    """Position error in metres and absolute heading error in radians of planar poses (3,)."""
    distance = float(np.hypot(*(estimate[:2] - truth[:2])))
    return distance, float(abs(planar.wrap_angle(estimate[2] - truth[2])))


def success(errors: Array, radius: float) -> dict[str, float]:
    """Score mean and most likely pose, from (N, 4) errors: metres and radians of the mean, then of the other.

    Rows with NaN, without a true pose, are left out.
    """
    errors = errors.reshape(-1, 4)
    errors = errors[np.isfinite(errors).all(axis=1)]
    if len(errors) == 0:
        return {"trials": 0.0}
    return {
        "trials": float(len(errors)),
        "success_mean": float((errors[:, 0] < radius).mean()),
        "success_most_likely": float((errors[:, 2] < radius).mean()),
        "median_m": float(np.median(errors[:, 2])),
        "median_deg": float(np.degrees(np.median(errors[:, 3]))),
    }


def closest_context(truth: Array, views: Array, radius: float) -> dict[str, float]:
    """Score the view nearest to the truth: an upper bound on retrieval by image similarity (appendix C.2)."""
    distance = np.hypot(truth[:, None, 0] - views[None, :, 0], truth[:, None, 1] - views[None, :, 1]).min(axis=1)
    return {"success": float((distance < radius).mean()), "median_m": float(np.median(distance))}


def uninformed(truth: Array, bounds: tuple[float, float, float, float], radius: float) -> dict[str, float]:
    """Score the mean of a belief over the whole map (appendix C.2)."""
    centre = np.array([(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2])
    distance = np.hypot(*(truth[:, :2] - centre).T)
    return {"success": float((distance < radius).mean()), "median_m": float(np.median(distance))}
