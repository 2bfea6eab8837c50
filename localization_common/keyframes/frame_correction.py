"""Correction between the adjusted map and the frame of the poses that it was built with.

Poses of a recording from an odometry or a tracker agree with each other only to centimetres. Adjusted keyframes agree
better, but users need poses in the given frame. Near a keyframe, the pose in the given frame is the adjusted pose,
moved by the correction of that keyframe; between keyframes, it is moved by a weighted mean of their corrections.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.keyframes.keyframe_selection import distances

Array = npt.NDArray[np.float64]

#: Largest distance from the nearest keyframe, in widths; larger ones are set to it.
FARTHEST = 4.0
#: Distance, in widths, at which a weight is smaller than the rounding error of the largest one.
_NO_WEIGHT = 9.0


@dataclass(frozen=True)
class FrameCorrection:
    """Kernel regression (Nadaraya-Watson) of the keyframes' corrections over the distance of poses.

    Attributes:
        given, adjusted: (K, 4, 4) poses of the keyframes, map_T_camera.
        metres, radians: width of the kernel.
        variance: (2, 6) variances of the correction's error x y z rX rY rZ in the camera's frame, metres^2 and
            radians^2: at a keyframe, and the increase per squared distance from the nearest one, in widths.
    """

    given: Array
    adjusted: Array
    metres: float
    radians: float
    variance: Array

    def to_given(self, map_T_camera: Array) -> tuple[Array, Array]:
        """Return a pose (4, 4) of the adjusted map in the given frame, and the covariance (6, 6) of its correction.

        The covariance is about the camera's axes.
        """
        twist, distance = self._regress(self.adjusted, map_T_camera)
        return map_T_camera @ exponential(twist), np.diag(
            self.variance[0] + self.variance[1] * min(distance, FARTHEST) ** 2
        )

    def to_adjusted(self, map_T_camera: Array) -> Array:
        """Return a pose (4, 4) of the given frame in the adjusted map."""
        return map_T_camera @ se3.inverse(exponential(self._regress(self.given, map_T_camera)[0]))

    def _regress(self, poses: Array, pose: Array) -> tuple[Array, float]:
        position = np.linalg.norm(poses[:, :3, 3] - pose[:3, 3], axis=1) / self.metres
        first = int(position.argmin())
        bound = distances(poses[first : first + 1], pose, metres=self.metres, radians=self.radians)[0]
        # Farther keyframes have no weight beside the nearest one; of large maps, these are most of them.
        rows = np.nonzero(position <= np.hypot(bound, _NO_WEIGHT))[0]
        away = distances(poses[rows], pose, metres=self.metres, radians=self.radians)
        return weighted(self._twists[rows], away), float(away.min())

    @cached_property
    def _twists(self) -> Array:
        return twists(self.given, self.adjusted)


def twists(given: Array, adjusted: Array) -> Array:
    """Return twists (K, 6) x y z rX rY rZ from adjusted poses (K, 4, 4) to given ones, in the adjusted cameras."""
    moved = se3.inverse(adjusted) @ given
    return np.stack([np.concatenate([m[:3, 3], cv2.Rodrigues(m[:3, :3])[0][:, 0]]) for m in moved])


def weighted(values: Array, away: Array) -> Array:
    """Return the mean (6,) of values (K, 6) with Gaussian weights of their distances (K,)."""
    log_weight = -0.5 * away**2
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight @ values / weight.sum())


def exponential(twist: Array) -> Array:
    """Return the transform (4, 4) of a small twist (6,): translation, then rotation vector."""
    result = np.eye(4)
    result[:3, :3] = cv2.Rodrigues(twist[3:])[0]
    result[:3, 3] = twist[:3]
    return result
