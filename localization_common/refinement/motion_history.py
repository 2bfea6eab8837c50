"""Poses of the previous frames, moved by the odometry: the expected pose, and a pose elsewhere to confirm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.geometry.odometry_integration import rotate_covariance, shift_covariance
from localization_common.refinement.perturbation import difference, isotropic
from localization_common.refinement.pose_solver import PosePrior

Array = npt.NDArray[np.float64]

#: Tolerance for the agreement of poses of successive frames, in addition to the odometry's covariance.
_METRES, _RADIANS = 0.15, float(np.radians(5.0))
#: Standard deviations of the odometry by which poses of successive frames may differ beyond the tolerance.
_GATE = 3.0
#: Standard deviations above which an expected pose is vague.
_VAGUE_METRES, _VAGUE_RADIANS = 0.1, float(np.radians(4.0))
#: Factor of the covariance of an expected pose: errors of successive poses are correlated by the points they share.
SHARED = 4.0


@dataclass(frozen=True)
class Motion:
    """Motion (4, 4) of the camera in the frame before, with its covariance (6, 6) about that frame's axes."""

    previous_T_camera: Array
    covariance: Array


class MotionHistory:
    """Last confirmed pose and last pose elsewhere, moved to the present frame by the odometry.

    Attributes:
        expected: pose (4, 4) of this frame and its covariance (6, 6) about the map's axes, from the last confirmed
            pose; None without one, or without odometry since then.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.expected: tuple[Array, Array] | None = None
        self._elsewhere: tuple[Array, Array] | None = None  # pose, and covariance of the motion since then
        self._agreeing = 0

    @property
    def vague(self) -> bool:
        """True if the motion since the last confirmed pose is so uncertain that chance matches may fit."""
        if self.expected is None:
            return False
        metres, radians = _deviations(self.expected[1])
        return metres > _VAGUE_METRES or radians > _VAGUE_RADIANS

    @property
    def prior(self) -> PosePrior | None:
        """`expected` as a prior for the solver."""
        if self.expected is None:
            return None
        pose, covariance = self.expected
        return PosePrior(pose, np.asarray(np.linalg.inv(covariance), dtype=np.float64))

    def move(self, motion: Motion | None) -> None:
        """Move all poses by the motion since the previous frame; without a motion, forget them."""
        if motion is None:
            self.reset()
            return
        if self.expected is not None:
            self.expected = moved(*self.expected, motion)
        if self._elsewhere is not None:
            self._elsewhere = moved(*self._elsewhere, motion)

    def confirm(self, map_T_camera: Array, covariance: Array) -> None:
        """Set the confirmed pose (4, 4) of this frame with its covariance (6, 6)."""
        self.expected = (map_T_camera, SHARED * covariance)
        self.forget_elsewhere()

    def agrees(self, map_T_camera: Array, *, gate: float) -> bool:
        """True if a pose (4, 4) is within a number of standard deviations of the expected one."""
        if self.expected is None:
            return False
        pose, covariance = self.expected
        off = difference(map_T_camera, pose)
        return float(off @ np.linalg.solve(covariance + isotropic(_METRES, _RADIANS), off)) < gate**2

    def count_elsewhere(self, map_T_camera: Array) -> int:
        """Add a pose (4, 4) far from the expected one; return the number of consecutive frames that agree on it."""
        self._agreeing = self._agreeing + 1 if self._is_near_elsewhere(map_T_camera) else 1
        self._elsewhere = (map_T_camera, np.zeros((6, 6)))
        return self._agreeing

    def _is_near_elsewhere(self, map_T_camera: Array) -> bool:
        if self._elsewhere is None:
            return False
        pose, covariance = self._elsewhere
        off, (metres, radians) = difference(map_T_camera, pose), _deviations(covariance)
        near = np.linalg.norm(off[:3]) < np.hypot(_METRES, _GATE * metres)
        return bool(near and np.linalg.norm(off[3:]) < np.hypot(_RADIANS, _GATE * radians))

    def forget_elsewhere(self) -> None:
        """Forget the pose elsewhere."""
        self._elsewhere, self._agreeing = None, 0


def _deviations(covariance: Array) -> tuple[float, float]:
    """Return the largest standard deviations of position and rotation, metres and radians, of a covariance (6, 6)."""
    largest = [float(np.linalg.eigvalsh(block)[-1]) for block in (covariance[:3, :3], covariance[3:, 3:])]
    metres, radians = np.sqrt(np.maximum(largest, 0.0))
    return float(metres), float(radians)


def moved(pose: Array, covariance: Array, motion: Motion) -> tuple[Array, Array]:
    """Return a pose and its covariance, both about the map's axes, after a motion."""
    rotation = pose[:3, :3]
    moved = shift_covariance(covariance, rotation @ motion.previous_T_camera[:3, 3])
    return pose @ motion.previous_T_camera, moved + rotate_covariance(motion.covariance, rotation)
