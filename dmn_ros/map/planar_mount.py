"""Where a robot's camera sits, seen from above: a map says where its robot had it, and TF where it is."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from localization_common.geometry import planar, se3

Array = npt.NDArray[np.float64]

#: (x, y, yaw) planar base_P_camera, metres and radians; the camera's frame is x ahead, y left here.
Mount = tuple[float, float, float]

#: What maps say that do not know; a camera right above the base's origin is not told apart from that.
UNKNOWN: Mount = (0.0, 0.0, 0.0)
#: Mounts that differ by less are the same: metres, radians.
_SAME_D, _SAME_A = 0.05, math.radians(5.0)


def mount_of(base_T_camera: Array) -> Mount:
    """Of an optical frame (4, 4) on the robot's base."""
    x, y, yaw = planar.from_se3(base_T_camera @ se3.inverse(se3.BODY_T_OPTICAL)).tolist()
    return x, y, yaw


def conflict(mapped: Mount, found: Mount) -> str:
    """What is wrong if a robot's camera sits elsewhere than that of the map's robot; empty if nothing is."""
    x, y, yaw = planar.compose(planar.inverse(np.array(mapped)), np.array(found))
    if mapped == UNKNOWN or (math.hypot(x, y) <= _SAME_D and abs(yaw) <= _SAME_A):
        return ""

    def told(mount: Mount) -> str:
        return f"({mount[0]:.2f} m, {mount[1]:.2f} m, {round(math.degrees(mount[2]))} deg)"

    return f"the camera sits at {told(found)} on the base, but the map is of a robot that has it at {told(mapped)}"
