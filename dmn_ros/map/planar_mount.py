"""Planar mount: pose of the camera on the robot, seen from above, of the map's robot and of the one in TF."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from localization_common.geometry import planar, se3

Array = npt.NDArray[np.float64]

#: (x, y, yaw) planar base_P_camera, metres and radians; x ahead, y left for both frames.
PlanarMount = tuple[float, float, float]

#: Mount of maps without one; a camera exactly above the origin of the base has the same numbers.
UNKNOWN: PlanarMount = (0.0, 0.0, 0.0)
#: Largest difference of mounts that count as the same: metres, radians.
_SAME_D, _SAME_A = 0.05, math.radians(5.0)


def mount_of(base_T_camera: Array) -> PlanarMount:
    """Planar mount of an optical frame with the pose (4, 4) on the robot's base."""
    x, y, yaw = planar.from_se3(base_T_camera @ se3.inverse(se3.BODY_T_OPTICAL)).tolist()
    return x, y, yaw


def conflict(mapped: PlanarMount, found: PlanarMount) -> str:
    """Describe the difference between the mount of the map's robot and the one found; empty if they agree."""
    x, y, yaw = planar.compose(planar.inverse(np.array(mapped)), np.array(found))
    if mapped == UNKNOWN or (math.hypot(x, y) <= _SAME_D and abs(yaw) <= _SAME_A):
        return ""

    def text(mount: PlanarMount) -> str:
        return f"({mount[0]:.2f} m, {mount[1]:.2f} m, {round(math.degrees(mount[2]))} deg)"

    return f"the camera is at {text(found)} on the base, but the map was made by a robot that has it at {text(mapped)}"
