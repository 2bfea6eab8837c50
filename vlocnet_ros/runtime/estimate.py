"""What the localizer says about one frame."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vlocnet_ros.refinement.acceptance import Status
from vlocnet_ros.refinement.refiner import Refinement

Array = npt.NDArray[np.float64]


class Health(enum.Enum):
    """Whether a pose may be trusted."""

    OK = "ok"
    UNCERTAIN = "uncertain"  # published with a larger covariance
    SKIPPED = "skipped"  # not published, and nothing to worry about: this one frame may be of another place
    LOST = "lost"  # not published

    @property
    def published(self) -> bool:
        """Whether the pose is of use."""
        return self in (Health.OK, Health.UNCERTAIN)


@dataclass(frozen=True)
class Estimate:
    """Result of `Localizer.step` for one frame.

    Attributes:
        stamp: of the image, nanoseconds.
        map_T_camera: (4, 4) pose of the optical frame: what the last frames' poses agree on, each carried here by the
            odometry; this frame's own if the localizer does not fuse, or the network has no odometry. Where it was
            refined against a keyframe map, the refined one, and so is the covariance.
        covariance: (6, 6) of x y z rX rY rZ, in metres and radians, about the map's axes (as in geometry_msgs).
        previous_T_camera: (4, 4) motion since the previous frame, in the previous optical frame; None on a first frame.
        motion_covariance: (6, 6) of that motion, about the previous optical frame's axes; None on a first frame.
        regressed_T_camera: (4, 4) pose in the map that the network regressed from this frame and the one before; None
            if it has no pose stream.
        evidence: (6,) what the covariance was judged by (`integrity.uncertainty.evidence`); None after too few frames.
        pose_features: (F,) that the pose was regressed from (`integrity.frame_error`); None likewise, and with an ONNX
            file that was made without them.
        labels: (H, W) uint8 class ids at the network's resolution; None if the network has no segmentation.
        label_confidence: (H, W) uint8, 255 for certain; None likewise.
        consistency: geometric consistency of the loss, read at run time: how far the difference of the last two
            regressed poses is from the odometry between them, in metres and radians; None on a first frame.
        sharpness: of the picture (`integrity.shutter.sharpness`).
        health: whether the pose may be trusted, and `reason` says why not.
        refinement: what came of the refinement, with whose pose `health` is OK; None without a keyframe map.
        timings: milliseconds of each stage; with a keyframe map also ``features``, extracted beside the network, and
            ``refine``, which the refinement took on top of it.
    """

    stamp: int
    map_T_camera: Array
    covariance: Array
    previous_T_camera: Array | None = None
    motion_covariance: Array | None = None
    regressed_T_camera: Array | None = None
    evidence: Array | None = None
    pose_features: npt.NDArray[np.float32] | None = None
    labels: npt.NDArray[np.uint8] | None = None
    label_confidence: npt.NDArray[np.uint8] | None = None
    consistency: tuple[float, float] | None = None
    sharpness: float = 0.0
    health: Health = Health.OK
    reason: str = ""
    refinement: Refinement | None = None
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def refined(self) -> bool:
        """Whether the pose is one that a keyframe map confirmed."""
        return self.refinement is not None and self.refinement.status is not Status.REFUSED
