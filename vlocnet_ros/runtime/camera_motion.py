"""Motion of the camera between frames, from the odometry of the robot's wheels; no ROS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.refinement.motion_history import Motion
from localization_common.refinement.perturbation import isotropic

Array = npt.NDArray[np.float64]

#: Standard deviations of wheel odometry: least ones per motion, share of the metres, share of the radians, radians per
#: metre.
_LEAST_METRES, _LEAST_RADIANS, _SHARE, _TURN_SHARE, _PER_METRE = 0.003, 0.002, 0.05, 0.05, 0.02
#: Standard deviations of the velocity of a robot without odometry, metres and radians per second.
_SPEED, _TURN_RATE = 0.5, 0.8
#: Longest time in nanoseconds over which a motion without odometry is assumed.
_LONGEST = 2_000_000_000


@dataclass(frozen=True)
class OdometrySample:
    """Pose (4, 4) of the camera in the odometry's frame.

    Attributes:
        odom_T_camera: (4, 4) pose at the stamp of an image.
        series: number of the series of poses; the motion between poses of different series is unknown.
    """

    odom_T_camera: Array
    series: int = 0


#: Function that returns the odometry at a stamp in nanoseconds; None where it is unknown.
Odometry = Callable[[int], OdometrySample | None]


@dataclass(frozen=True)
class CameraStep:
    """Motion since the previous frame.

    Attributes:
        motion: motion with its covariance; None if nothing is known about it.
        measured: True if odometry measured it; False if it is assumed from the time between the frames.
    """

    motion: Motion | None
    measured: bool


class CameraMotion:
    """Motion between successive frames: by the odometry or, without it, a camera that may have moved in any direction.

    Args:
        odometry: odometry of the robot; None for a robot without.
    """

    def __init__(self, odometry: Odometry | None) -> None:
        self._odometry = odometry
        self.reset()

    def reset(self) -> None:
        """Forget the previous frame."""
        self._previous: tuple[int, OdometrySample | None] | None = None

    def step(self, stamp: int) -> CameraStep:
        """Return the motion from the frame of the call before to the frame at a stamp in nanoseconds."""
        sample = None if self._odometry is None else self._odometry(stamp)
        previous, self._previous = self._previous, (stamp, sample)
        if previous is None:
            return CameraStep(None, measured=False)
        before = previous[1]
        if sample is not None and before is not None and sample.series == before.series:
            return CameraStep(_measured(se3.inverse(before.odom_T_camera) @ sample.odom_T_camera), measured=True)
        elapsed = stamp - previous[0]
        if not 0 < elapsed <= _LONGEST:
            return CameraStep(None, measured=False)
        seconds = 1e-9 * elapsed
        return CameraStep(Motion(np.eye(4), isotropic(_SPEED * seconds, _TURN_RATE * seconds)), measured=False)


def _measured(previous_T_camera: Array) -> Motion:
    metres, radians = path_of(previous_T_camera)
    deviations = _LEAST_METRES + _SHARE * metres, _LEAST_RADIANS + _TURN_SHARE * radians + _PER_METRE * metres
    return Motion(previous_T_camera, isotropic(*deviations))


def path_of(previous_T_camera: Array) -> tuple[float, float]:
    """Return the metres and radians of a motion (4, 4)."""
    metres = float(np.linalg.norm(previous_T_camera[:3, 3]))
    return metres, float(se3.rotation_angle(previous_T_camera[:3, :3]))
