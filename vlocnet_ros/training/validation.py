"""Errors on validation frames during training, and the score by which the best weights are chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from localization_common.camera import Camera
from localization_common.geometry import quaternions, se3
from vlocnet_ros.network.scene_coordinates import STRIDE
from vlocnet_ros.network.vlocnetpp import Prediction
from vlocnet_ros.runtime.scene_pose import ScenePoseSolver
from vlocnet_ros.training.coordinate_loss import cell_errors, cells_of
from vlocnet_ros.training.losses import IGNORE, Targets, relative_targets

#: Names of the errors of each task, with their units. Depth without true depth is measured by the photometric loss.
TASKS: dict[str, dict[str, str]] = {
    "pose": {"pose_m": "m", "pose_deg": "deg"},
    "coordinates": {"reprojection_px": "px", "solved_m": "m", "solved_deg": "deg"},
    "odometry": {"motion_m": "m", "motion_deg": "deg"},
    "segmentation": {"pixels_wrong": "of the pixels"},
    "depth": {"depth_relative": "of the depth"},
    "photometry": {"photometric": ""},
}
#: Smallest error in a logarithm.
_LEAST = 1e-6


def errors(prediction: Prediction, targets: Targets, intrinsics: Tensor) -> dict[str, Tensor]:
    """Compute errors (N,) of a batch by name, for the streams and the ground truth that exist.

    Args:
        intrinsics: (4,) fx, fy, cx, cy of the images in pixels.
    """
    p, t = prediction, targets
    found: dict[str, Tensor] = {}
    if p.translation is not None and p.quaternion is not None:
        found["pose_m"] = (p.translation - t.translation).norm(dim=-1)
        found["pose_deg"] = torch.rad2deg(quaternions.angle_between(p.quaternion, t.quaternion))
    if p.relative_translation is not None and p.relative_quaternion is not None and t.pair.any():
        _, local, motion = relative_targets(t)
        found["motion_m"] = (p.relative_translation - local).norm(dim=-1)[t.pair]
        found["motion_deg"] = torch.rad2deg(quaternions.angle_between(p.relative_quaternion, motion))[t.pair]
    if p.logits is not None and t.labels is not None:
        labelled = t.labels != IGNORE
        found["pixels_wrong"] = (p.logits.argmax(1) != t.labels)[labelled].float().mean()[None]
    if p.depth is not None and t.depth is not None:
        found["depth_relative"] = ((p.depth[:, 0] - t.depth).abs() / t.depth).nanmedian()[None]
    if p.coordinates is not None:
        found |= coordinate_errors(p.coordinates, t, intrinsics)
    return found


def coordinate_errors(coordinates: Tensor, targets: Targets, intrinsics: Tensor) -> dict[str, Tensor]:
    """Compute reprojection errors (N,) of scene coordinates (B, 4, h, w), and errors (B,) of poses solved from them.

    A frame without a solution counts as infinitely far off, in the medians too.
    """
    height, width = (STRIDE * n for n in coordinates.shape[-2:])
    cells = cells_of(targets, height, width, intrinsics)
    pixels = cell_errors(coordinates.flatten(2).transpose(1, 2), cells, intrinsics).pixels
    solver = ScenePoseSolver(Camera(width, height, *intrinsics.tolist()))
    metres, degrees = [], []
    for one, translation, quaternion in zip(coordinates, targets.translation, targets.quaternion, strict=True):
        solved, _ = solver.solve(one.float().cpu().numpy())
        true = se3.from_parts(translation.double().cpu().numpy(), quaternion.double().cpu().numpy())
        apart = None if solved is None else se3.inverse(true) @ solved.map_T_camera
        metres.append(math.inf if apart is None else float(np.linalg.norm(apart[:3, 3])))
        degrees.append(180.0 if apart is None else math.degrees(float(se3.rotation_angle(apart[:3, :3]))))
    return {
        "reprojection_px": pixels[cells.judged],
        "solved_m": torch.tensor(metres),
        "solved_deg": torch.tensor(degrees),
    }


def task_scores(medians: Mapping[str, float]) -> dict[str, float]:
    """Compute the mean logarithm of each task's errors; lower is better.

    With logarithms, a relative change of an error counts the same in metres, degrees and pixels, without weights.

    Args:
        medians: errors by name.
    """
    found = {task: [medians[name] for name in names if name in medians] for task, names in TASKS.items()}
    return {
        task: sum(math.log(max(error, _LEAST)) for error in errors) / len(errors)
        for task, errors in found.items()
        if errors
    }


def score(medians: Mapping[str, float]) -> float:
    """Compute the mean of the tasks' scores; lower is better, infinite without any error."""
    scores = task_scores(medians).values()
    return sum(scores) / len(scores) if scores else math.inf


def text(medians: Mapping[str, float], task: str) -> str:
    """Format the errors of a task."""
    named = ((f"{medians[name]:.4g}", unit) for name, unit in TASKS[task].items() if name in medians)
    return ", ".join(f"{value} {unit}".strip() for value, unit in named)
