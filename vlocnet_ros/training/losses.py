"""Losses of VLocNet++ (equations 2 to 8), with weights learned on three levels.

Every pair of terms is ``L_x exp(-s_x) + s_x + L_q exp(-s_q) + s_q``; the sums for localisation, odometry and
segmentation are weighted in the same way again. Distances are norms, not squared. A quaternion and its negative are the
same rotation, so each difference is computed to the nearer sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.network.vlocnetpp import Prediction

#: Label of pixels without a loss.
IGNORE = 255

#: Initial learned weights: translations 0, rotations -3 (as PoseNet's successors), tasks 0.
INITIAL = {
    "x": 0.0,
    "q": -3.0,
    "x_rel": 0.0,
    "q_rel": -3.0,
    "x_vo": 0.0,
    "q_vo": -3.0,
    "loc": 0.0,
    "vo": 0.0,
    "seg": 0.0,
    "depth": 0.0,
    "photometric": 0.0,
    "coordinates": 0.0,
    "neighbours": 0.0,
}

#: Bounds of the learned weights. A task's loss may be negative, since its own s are part of it. Without bounds, the
#: task's s would then decrease without end and its weight grow, until the network gives a constant pose. The same
#: happens if the relative terms have more weight than the poses, to which their smaller errors would lead: while the
#: errors of the poses exceed the motion between two frames, a constant pose is the most consistent one.
COMPONENT_BOUNDS = (-8.0, 3.0)
TASK_BOUNDS = (-2.0, 3.0)
TASKS = ("loc", "vo", "seg", "depth", "photometric", "coordinates", "neighbours")


@dataclass(frozen=True)
class Targets:
    """Ground truth of a batch of frames, with masks of the frames that have it.

    Attributes:
        translation: (B, 3) position of the camera in the map.
        quaternion: (B, 4) rotation of the camera in the map, unit.
        previous: (B,) position in the batch of each frame's previous one; a first frame has its own position.
        pair: (B,) bool, true if the motion since the previous frame is known (false for a first frame).
        labels: (B, H, W) class ids, 255 where unlabelled; None without segmentation.
        depth: (B, H, W) metres, NaN where unknown; None without depth.
    """

    translation: Tensor
    quaternion: Tensor
    previous: Tensor
    pair: Tensor
    labels: Tensor | None = None
    depth: Tensor | None = None


def euclidean(predicted: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """Compute the mean length of the difference over (B, n); zero for an empty batch.

    Args:
        smoothing: differences far below this are weighted by their square (pseudo-Huber). The best constant prediction
            for a norm is the median, and most motions between frames are similar: a local minimum early in training,
            which squares avoid.
    """
    if len(predicted) == 0:
        return predicted.sum()
    if smoothing == 0.0:
        return torch.linalg.vector_norm(predicted - target, dim=-1).mean()
    square = (predicted - target).square().sum(-1)
    return (torch.sqrt(square + smoothing**2) - smoothing).mean()


def rotation(predicted: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
    """Compute the mean distance of unit quaternions (B, 4), to the nearer sign of the target."""
    return euclidean(predicted, quaternions.nearer_sign(target, predicted.detach()), smoothing)


def relative_targets(targets: Targets) -> tuple[Tensor, Tensor, Tensor]:
    """Return the true motion since the previous frame: world difference, translation in the previous frame, quaternion.

    The consistency loss compares differences of global positions, so its target is the difference in the map's axes.
    The target of odometry is the same motion in the previous camera's axes.
    """
    previous_q = targets.quaternion[targets.previous]
    world = targets.translation - targets.translation[targets.previous]
    inverse = quaternions.conjugate(previous_q)
    return world, quaternions.rotate(inverse, world), quaternions.multiply(inverse, targets.quaternion)


def segmentation(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute equation 2, the mean over the labelled pixels of logits (B, C, H, W); 0 without labels (B, H, W)."""
    losses = functional.cross_entropy(logits.float(), labels.long(), ignore_index=IGNORE, reduction="sum")
    return losses / (labels != IGNORE).sum().clamp_min(1)


def log_depth(predicted: Tensor, depth: Tensor) -> Tensor:
    """Compute the mean absolute difference of log depths (B, 1, H, W) and (B, H, W), metres, without NaN pixels."""
    known = torch.isfinite(depth) & (depth > 0)
    target = torch.where(known, depth, torch.ones_like(depth))
    difference = (torch.log(predicted[:, 0]) - torch.log(target)).abs()
    return (difference * known).sum() / known.sum().clamp_min(1)


class MultitaskLoss(nn.Module):
    """Equation 8, for the streams and the ground truth that exist.

    Args:
        consistency: whether it includes the geometric consistency terms (equation 5).
    """

    def __init__(self, *, consistency: bool = True) -> None:
        super().__init__()
        self.consistency = consistency
        self.s = nn.ParameterDict({name: nn.Parameter(torch.tensor(value)) for name, value in INITIAL.items()})

    def forward(
        self,
        prediction: Prediction,
        targets: Targets,
        smoothing: tuple[float, float] = (0.0, 0.0),
        photometric: Tensor | None = None,
        coordinates: Tensor | None = None,
        neighbours: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the sum to minimise, and every unweighted term by name.

        Args:
            smoothing: smoothing of the odometry's translation and quaternion, see `euclidean`; (0, 0) is equation 4.
            photometric: loss of the depth of frames without true depth, see `training.photometric`.
            coordinates: loss of the scene coordinates, see `training.coordinate_loss`.
            neighbours: loss of the poses relative to neighbours, see `training.neighbour_pairs`.
        """
        terms = self._terms(prediction, targets, smoothing)
        further = {"photometric": photometric, "coordinates": coordinates, "neighbours": neighbours}
        terms |= {name: term for name, term in further.items() if term is not None}
        total = next(t for t in prediction if t is not None).new_zeros(())
        if "x" in terms:
            components = [name for name in ("x", "q", "x_rel", "q_rel") if name in terms]
            total = total + self._weigh("loc", self._combine(terms, components))
        if "x_vo" in terms:
            total = total + self._weigh("vo", self._combine(terms, ["x_vo", "q_vo"]))
        for name in ("seg", "depth", "photometric", "coordinates", "neighbours"):
            if name in terms:
                total = total + self._weigh(name, terms[name])
        return total, {name: value.detach() for name, value in terms.items()}

    @torch.no_grad()
    def clamp_(self) -> None:
        """Clamp the learned weights to their bounds; to be called after each optimiser step."""
        for name, value in self.s.items():
            value.clamp_(*(TASK_BOUNDS if name in TASKS else COMPONENT_BOUNDS))
        for name in ("x", "q"):
            self.s[f"{name}_rel"].clamp_(min=self.s[name])

    def _combine(self, terms: dict[str, Tensor], names: Sequence[str]) -> Tensor:
        return torch.stack([self._weigh(name, terms[name]) for name in names]).sum()

    def _weigh(self, name: str, loss: Tensor) -> Tensor:
        return torch.as_tensor(loss * torch.exp(-self.s[name]) + self.s[name])

    def _terms(self, prediction: Prediction, targets: Targets, smoothing: tuple[float, float]) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = {}
        world, motion_x, motion_q = relative_targets(targets)
        pair = targets.pair
        if prediction.translation is not None and prediction.quaternion is not None:
            x, q = prediction.translation, prediction.quaternion
            terms["x"], terms["q"] = euclidean(x, targets.translation), rotation(q, targets.quaternion)
            if self.consistency and pair.any():
                # The previous pose is the network's own, never the ground truth's.
                previous_x, previous_q = x[targets.previous], q[targets.previous]
                terms["x_rel"] = euclidean((x - previous_x)[pair], world[pair])
                relative_q = quaternions.multiply(quaternions.conjugate(previous_q), q)
                terms["q_rel"] = rotation(relative_q[pair], motion_q[pair])
        if prediction.relative_translation is not None and prediction.relative_quaternion is not None:
            # A frame paired with itself has not moved: that is true, too, and a standing robot has such pairs.
            terms["x_vo"] = euclidean(prediction.relative_translation, motion_x, smoothing[0])
            terms["q_vo"] = rotation(prediction.relative_quaternion, motion_q, smoothing[1])
        if prediction.logits is not None and targets.labels is not None:
            terms["seg"] = segmentation(prediction.logits, targets.labels)
        if prediction.depth is not None and targets.depth is not None:
            terms["depth"] = log_depth(prediction.depth, targets.depth)
        return terms
