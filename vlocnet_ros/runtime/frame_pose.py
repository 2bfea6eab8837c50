"""Pose of a single frame, before any fusion: solved from its scene coordinates, or regressed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from localization_common.errors import EstimateError
from localization_common.geometry import se3
from vlocnet_ros.network.vlocnetpp import Prediction
from vlocnet_ros.runtime.scene_pose import UNSOLVED, ScenePose, ScenePoseSolver

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FramePose:
    """Pose of one frame; the fields are those of `Estimate`.

    Attributes:
        map_T_camera: `Estimate.regressed_T_camera`.
        solved, error_features, pose_features: see `Estimate`.
        obstacle: reason why the frame has no pose of its own; `map_T_camera` is a stand-in then.
    """

    map_T_camera: Array | None
    solved: ScenePose | None = None
    pose_features: npt.NDArray[np.float32] | None = None
    error_features: npt.NDArray[np.floating] | None = None
    obstacle: str = ""


def frame_pose(prediction: Prediction, solver: ScenePoseSolver | None, before: Array) -> FramePose:
    """Return the pose of a frame. Where too few scene coordinates agree, it is the regressed one.

    Args:
        prediction: prediction for a batch of one.
        solver: solver for the network's scene coordinates; None if it has none.
        before: (4, 4) stand-in for a frame without a pose.
    """
    regressed = transform(prediction.translation, prediction.quaternion)
    features = None if prediction.pose_features is None else prediction.pose_features[0].numpy()
    if solver is None or prediction.coordinates is None:
        return FramePose(regressed, None, features, features)
    solved, reason = solver.solve(prediction.coordinates[0].numpy())
    if solved is not None:
        return FramePose(solved.map_T_camera, solved, features, solved.evidence)
    if regressed is not None:
        return FramePose(regressed, None, features, UNSOLVED)
    return FramePose(before, None, features, UNSOLVED, f"scene coordinates: {reason}")


def transform(translation: torch.Tensor | None, quaternion: torch.Tensor | None) -> Array | None:
    """Return the transform (4, 4) of the first of a batch; None without one.

    Raises:
        EstimateError: the numbers are those of no pose.
    """
    if translation is None or quaternion is None:
        return None
    try:
        return se3.from_parts(translation[0].double().numpy(), quaternion[0].double().numpy())
    except ValueError as error:
        raise EstimateError(f"the network's result is no pose: {error}; its weights may be damaged") from error
