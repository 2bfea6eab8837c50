"""What the localizer says about one frame."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Health(enum.Enum):
    """Whether a pose may be trusted."""

    OK = "ok"
    UNCERTAIN = "uncertain"  # published with a larger covariance
    LOST = "lost"  # not published


@dataclass(frozen=True)
class Estimate:
    """Result of `Localizer.step` for one frame.

    Attributes:
        stamp: of the image, nanoseconds.
        map_T_camera: (4, 4) pose of the optical frame.
        covariance: (6, 6) of x y z rX rY rZ, in metres and radians, about the map's axes (as in geometry_msgs).
        previous_T_camera: (4, 4) motion since the previous frame, in the previous optical frame; None on a first frame.
        motion_covariance: (6, 6) of that motion, about the previous optical frame's axes; None on a first frame.
        labels: (H, W) uint8 class ids at the network's resolution; None if the network has no segmentation.
        label_confidence: (H, W) uint8, 255 for certain; None likewise.
        consistency: geometric consistency of the loss, read at run time: how far the difference of the last two poses
            is from the odometry between them, in metres and radians; None on a first frame.
        health: whether the pose may be trusted, and `reason` says why not.
        timings: milliseconds of each stage.
    """

    stamp: int
    map_T_camera: Array
    covariance: Array
    previous_T_camera: Array | None = None
    motion_covariance: Array | None = None
    labels: npt.NDArray[np.uint8] | None = None
    label_confidence: npt.NDArray[np.uint8] | None = None
    consistency: tuple[float, float] | None = None
    health: Health = Health.OK
    reason: str = ""
    timings: dict[str, float] = field(default_factory=dict)
