"""Guess of the camera's pose from a planar pose of the robot, such as that of a particle filter; no ROS."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import shift_covariance
from localization_common.refinement.refiner import Guess

Array = npt.NDArray[np.float64]


def planar_guess(mean: Array, covariance: Array, base_T_camera: Array) -> Guess:
    """Return the guess of the camera's pose for a robot on the floor, at z = 0 and level.

    Args:
        mean: (3,) x, y, yaw of the base, metres and radians.
        covariance: (3, 3) of these.
        base_T_camera: (4, 4) mount of the camera.
    """
    map_T_base = planar.to_se3(mean)
    full = np.zeros((6, 6))
    full[np.ix_((0, 1, 5), (0, 1, 5))] = covariance
    return Guess(map_T_base @ base_T_camera, shift_covariance(full, map_T_base[:3, :3] @ base_T_camera[:3, 3]))
