"""What the frames before say: where the camera must be now, and how often it seemed to be elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.geometry.odometry_integration import rotate_covariance, shift_covariance
from vlocnet_ros.refinement.perturbation import difference, isotropic
from vlocnet_ros.refinement.pose_solver import PosePrior

Array = npt.NDArray[np.float64]

#: Two poses of successive frames agree within this, beyond what the odometry is unsure of.
_METRES, _RADIANS = 0.15, float(np.radians(5.0))
#: Successive poses are wrong alike, by the points that they share: what they say about the next counts less.
_SHARED = 4.0


@dataclass(frozen=True)
class Motion:
    """Motion (4, 4) of the camera in the frame before, with its covariance (6, 6) about that frame's axes."""

    previous_T_camera: Array
    covariance: Array


class MotionHistory:
    """The last confirmed pose and the last one elsewhere, carried on by the odometry.

    Attributes:
        expected: pose (4, 4) of this frame and its covariance (6, 6) about the map's axes, by the last confirmed one;
            None if there is none, or no odometry since.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.expected: tuple[Array, Array] | None = None
        self._elsewhere: Array | None = None
        self._agreeing = 0

    @property
    def prior(self) -> PosePrior | None:
        """`expected` for a solver."""
        if self.expected is None:
            return None
        pose, covariance = self.expected
        return PosePrior(pose, np.asarray(np.linalg.inv(covariance), dtype=np.float64))

    def move(self, motion: Motion | None) -> None:
        """The camera has moved on; without a motion, nothing before counts."""
        if motion is None:
            self.reset()
            return
        if self.expected is not None:
            self.expected = _moved(*self.expected, motion)
        if self._elsewhere is not None:
            self._elsewhere = self._elsewhere @ motion.previous_T_camera

    def confirm(self, map_T_camera: Array, covariance: Array) -> None:
        """This frame's pose (4, 4) is known, with a covariance (6, 6)."""
        self.expected = (map_T_camera, _SHARED * covariance)
        self._elsewhere, self._agreeing = None, 0

    def agrees(self, map_T_camera: Array, *, gate: float) -> bool:
        """Whether a pose (4, 4) is what the last confirmed one and the odometry lead to, within standard deviations."""
        if self.expected is None:
            return False
        pose, covariance = self.expected
        off = difference(map_T_camera, pose)
        return float(off @ np.linalg.solve(covariance + isotropic(_METRES, _RADIANS), off)) < gate**2

    def seems(self, map_T_camera: Array) -> int:
        """A frame seems to be at a pose (4, 4) far from where it should be: how many in a row now agree on that."""
        off = np.full(6, np.inf) if self._elsewhere is None else difference(map_T_camera, self._elsewhere)
        near = np.linalg.norm(off[:3]) < _METRES and np.linalg.norm(off[3:]) < _RADIANS
        self._agreeing = self._agreeing + 1 if near else 1
        self._elsewhere = map_T_camera
        return self._agreeing

    def seems_nowhere(self) -> None:
        """A frame could not be placed at all."""
        self._elsewhere, self._agreeing = None, 0


def _moved(pose: Array, covariance: Array, motion: Motion) -> tuple[Array, Array]:
    """A pose and its covariance, both about the map's axes, after a motion."""
    rotation = pose[:3, :3]
    moved = shift_covariance(covariance, rotation @ motion.previous_T_camera[:3, 3])
    return pose @ motion.previous_T_camera, moved + rotate_covariance(motion.covariance, rotation)
