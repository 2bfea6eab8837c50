"""Errors on validation frames during training, and the score by which the best weights are chosen."""

from __future__ import annotations

import torch
from torch import Tensor

from localization_common.geometry import quaternions
from vlocnet_ros.network.vlocnetpp import Prediction
from vlocnet_ros.training.losses import IGNORE, Targets, relative_targets

#: Names of the errors of each task.
TASKS = (("pose_m", "pose_deg"), ("motion_m", "motion_deg"), ("pixels_wrong",), ("depth_relative",), ("photometric",))


def errors(prediction: Prediction, targets: Targets) -> dict[str, Tensor]:
    """Compute errors (N,) of a batch by name, for the streams and the ground truth that exist."""
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
    return found


def score(medians: dict[str, Tensor]) -> Tensor:
    """Compute the mean over the tasks of the logarithm of their errors; lower is better.

    With logarithms, a relative change of an error counts the same in metres, degrees and pixels, without weights.

    Args:
        medians: errors by name, each a scalar.
    """
    tasks = [[medians[name] for name in names if name in medians] for names in TASKS]
    logarithms = [torch.stack(found).clamp_min(1e-6).log().mean() for found in tasks if found]
    return torch.stack(logarithms).mean() if logarithms else torch.tensor(torch.inf)
