"""Result of the localizer for one frame."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from localization_common.refinement.acceptance import Status
from localization_common.refinement.refiner import Refinement
from vlocnet_ros.runtime.scene_pose import ScenePose

Array = npt.NDArray[np.float64]


class Health(enum.Enum):
    """Trust in a pose."""

    OK = "ok"
    UNCERTAIN = "uncertain"  # published with a larger covariance
    SKIPPED = "skipped"  # not published: this one frame may be out of distribution
    LOST = "lost"  # not published

    @property
    def published(self) -> bool:
        """True if the pose is published."""
        return self in (Health.OK, Health.UNCERTAIN)


@dataclass(frozen=True)
class Estimate:
    """Result of `Localizer.step` for one frame.

    Attributes:
        stamp: stamp of the image, nanoseconds.
        map_T_camera: (4, 4) pose of the optical frame: the consensus of the last frames; this frame's own pose if the
            localizer does not fuse, or the network has no odometry. Where it was refined against a keyframe map, pose
            and covariance are the refined ones.
        covariance: (6, 6) of x y z rX rY rZ, in metres and radians, about the map's axes (as in geometry_msgs).
        previous_T_camera: (4, 4) motion since the previous frame, in the previous optical frame; None on a first frame.
        motion_covariance: (6, 6) of that motion, about the previous optical frame's axes; None on a first frame.
        regressed_T_camera: (4, 4) pose of this frame in the map, before any fusion: solved from its scene coordinates,
            or else regressed from this frame and the one before; None if the network has no global pose.
        solved: pose that was solved from the scene coordinates of this frame; None if the network has none, or too few
            of them agree.
        evidence: (6,) that the covariance was computed from (`integrity.uncertainty.evidence`); None after too few
            frames.
        pose_features: (F,) features that the pose was regressed from; None if there is no pose stream, and with an ONNX
            file that was made without them.
        error_features: (E,) numbers from which the error of this frame's pose is predicted: evidence of the scene
            coordinates, in networks without them the features of the pose; None if there are neither.
        labels: (H, W) uint8 class ids at the network's resolution; None if the network has no segmentation, or if
            nobody wants them.
        label_confidence: (H, W) uint8, 255 is certain; None if the network has no segmentation.
        consistency: geometric consistency of the loss at run time: distance between the odometry and the difference of
            the last two regressed poses, metres and radians; None on a first frame.
        sharpness: sharpness of the image (`integrity.frozen_camera.sharpness`).
        health: trust in the pose.
        reason: reason of a health that is not OK.
        refinement: result of the refinement; `health` is OK with a refined pose. None without a keyframe map.
        timings: milliseconds of each stage; with a keyframe map also ``features``, which runs beside the
            network, and ``refine``, which the refinement takes after it.
    """

    stamp: int
    map_T_camera: Array
    covariance: Array
    previous_T_camera: Array | None = None
    motion_covariance: Array | None = None
    regressed_T_camera: Array | None = None
    solved: ScenePose | None = None
    evidence: Array | None = None
    pose_features: npt.NDArray[np.float32] | None = None
    error_features: npt.NDArray[np.floating] | None = None
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
        """True if the pose was refined against a keyframe map."""
        return self.refinement is not None and self.refinement.status is not Status.REFUSED
