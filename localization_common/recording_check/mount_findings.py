"""Findings on the mount: position of the camera on the robot, and direction of its view."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.recording_check.findings import CheckResult, Grade

#: Allowed elevation of the view, and allowed turn about it, degrees: cameras on robots are pitched by up to 30 degrees;
#: a view beyond 45 shows floor or ceiling only.
_STEEP_DEG, _ROLLED_DEG = 45.0, 20.0
#: Bounds of the camera's position on a robot, metres. Beyond, millimetres were given, or TF is of another robot.
_FAR_M, _LOW_M, _HIGH_M = 2.0, -0.5, 3.0


def check_mount(sequence: Sequence) -> CheckResult:
    """Check height, offset and direction of the view on the robot's base."""
    base_T_camera = sequence.base_T_camera
    x, y, z = base_T_camera[:3, 3].tolist()
    view, down = base_T_camera[:3, 2], base_T_camera[:3, 1]
    elevation = float(np.degrees(np.arcsin(np.clip(view[2], -1.0, 1.0))))
    azimuth = float(np.degrees(np.arctan2(view[1], view[0])))
    roll = _roll(view, down)
    numbers = {
        "x_m": x,
        "y_m": y,
        "z_m": z,
        "view_elevation_deg": elevation,
        "view_azimuth_deg": azimuth,
        "roll_deg": roll,
    }
    if np.allclose(base_T_camera, se3.BODY_T_OPTICAL):
        return CheckResult("mount", Grade.OK, "the poses are those of the camera itself", "", numbers)
    sentence = f"the camera is {x:.2f} {y:.2f} {z:.2f} m from the base and looks {_direction(elevation, azimuth)}"
    wrong, advice = [], []
    if abs(elevation) > _STEEP_DEG:
        wrong.append(f"it looks {abs(elevation):.0f} deg {'up' if elevation > 0 else 'down'}")
        advice.append(
            "Is the camera's frame a body frame (x forward)? The images' frame_id must be the optical frame (z "
            "forward); or state the mount with --mount X Y Z ROLL PITCH YAW."
        )
    elif abs(roll) > _ROLLED_DEG:
        wrong.append(f"it is turned by {roll:.0f} deg about its view")
        advice.append("Is the camera mounted on its side? If not, correct its rotation in TF or give --mount.")
    if max(abs(x), abs(y)) > _FAR_M or not _LOW_M <= z <= _HIGH_M:
        wrong.append("that is not on a robot")
        advice.append("Is the mount in metres, and of this robot? Correct it in TF or give --mount.")
    if not wrong:
        return CheckResult("mount", Grade.OK, sentence, "", numbers)
    return CheckResult("mount", Grade.WARN, "; ".join([sentence, *wrong]), " ".join(advice), numbers)


def _direction(elevation: float, azimuth: float) -> str:
    if elevation > _STEEP_DEG:
        return "up"
    if elevation < -_STEEP_DEG:
        return "down"
    turned = abs(azimuth)
    side = "ahead" if turned < 45 else "back" if turned > 135 else "to the left" if azimuth > 0 else "to the right"
    tilt = "" if abs(elevation) < 1 else f", {abs(elevation):.0f} deg {'up' if elevation > 0 else 'down'}"
    return side + tilt


def _roll(view: npt.NDArray[np.float64], down: npt.NDArray[np.float64]) -> float:
    """Turn of the camera about its view in degrees; NaN where it looks straight up or down."""
    right = np.cross(view, [0.0, 0.0, 1.0])
    if np.linalg.norm(right) < 1e-3:
        return float("nan")
    right /= np.linalg.norm(right)
    level_down = np.cross(view, right)
    return float(np.degrees(np.arctan2(-(down @ right), down @ level_down)))
