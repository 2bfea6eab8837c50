"""Training of poses relative to neighbours: pairs of frames that see the same, and the database."""

from __future__ import annotations

import torch
from torch import Tensor

from localization_common.geometry import quaternions
from vlocnet_ros.network.neighbours import NeighbourRegressor
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.training.losses import Targets, euclidean, rotation
from vlocnet_ros.training.training_frames import TrainingFrames

#: Largest distance, metres, and least cosine of half the angle between two frames of a pair: most see the same.
_NEAR, _TURNED = 2.0, 0.92
#: Weight of a difference of quaternions against one of metres.
_ROTATION_WEIGHT = 10.0
#: Images that are computed at once.
_BATCH = 32


def neighbour_loss(regressor: NeighbourRegressor, features: Tensor, targets: Targets) -> Tensor:
    """Compute the mean error of the relative poses of all pairs of a batch that are near each other; 0 without any.

    Args:
        regressor: regressor of relative poses.
        features: (B, fc) features of fc1.
        targets: poses (B) of the frames.
    """
    t, q = targets.translation, targets.quaternion
    near = (t.unsqueeze(1) - t.unsqueeze(0)).norm(dim=-1) < _NEAR
    near &= (q @ q.T).abs() > _TURNED
    frame, neighbour = near.fill_diagonal_(False).nonzero(as_tuple=True)
    inverse = quaternions.conjugate(q[neighbour])
    translation, quaternion = regressor.relative(features[frame].float(), features[neighbour].float())
    moved = euclidean(translation, quaternions.rotate(inverse, t[frame] - t[neighbour]))
    return moved + _ROTATION_WEIGHT * rotation(quaternion, quaternions.multiply(inverse, q[frame]))


@torch.no_grad()
def fill_database(network: VLocNet, frames: TrainingFrames) -> None:
    """Fill the database of a network that has one with frames that are spread evenly over the training frames."""
    regressor = None if network.pose is None else network.pose.regressor
    if not isinstance(regressor, NeighbourRegressor):
        return
    training = network.training
    network.eval()
    chosen = torch.linspace(0, len(frames) - 1, len(regressor.known_features)).long()
    device, parts = regressor.known_features.device, []
    for part in torch.split(chosen, _BATCH):
        encoded = network.encode(frames.images[part].to(device).float() / 255.0, keep=False)
        features = network.decode(encoded, encoded).pose_features
        assert features is not None
        parts.append(features.float())
    regressor.set_database(torch.cat(parts), frames.translation[chosen], frames.quaternion[chosen])
    network.train(training)
