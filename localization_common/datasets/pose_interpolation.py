"""Poses at the stamps of images, interpolated between known ones; NaN where none is near enough."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3

Poses = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]


def poses_at(stamps: Stamps, known: Stamps, poses: Poses, *, max_gap_s: float) -> Poses:
    """Poses (N, 4, 4) at stamps (N,), linear in the translation and spherical linear in the rotation.

    A row is NaN where the stamp is outside of the known ones, or between two that are further apart than the limit.

    Args:
        stamps: nanoseconds.
        known: (M,) nanoseconds, increasing.
        poses: (M, 4, 4) at these.
        max_gap_s: seconds between two known poses over which poses are interpolated.
    """
    result = np.full((len(stamps), 4, 4), np.nan)
    for i, (stamp, after) in enumerate(zip(stamps, np.searchsorted(known, stamps), strict=True)):
        if after < len(known) and known[after] == stamp:
            result[i] = poses[after]
        elif 0 < after < len(known) and known[after] - known[after - 1] <= max_gap_s * 1e9:
            fraction = float(stamp - known[after - 1]) / float(known[after] - known[after - 1])
            result[i] = se3.interpolate(poses[after - 1], poses[after], fraction)
    return result
