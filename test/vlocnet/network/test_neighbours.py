"""Poses relative to frames of a database."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import make_config

from localization_common.errors import ConfigError
from localization_common.geometry import quaternions
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.neighbours import NeighbourRegressor, consensus
from vlocnet_ros.network.vlocnetpp import VLocNet

TASKS = Tasks(odometry=False, segmentation=False, depth=False)
TURN = quaternions.normalize(torch.tensor([1.0, 0.2, -0.1, 0.3]))


def network(neighbours: int = 6) -> VLocNet:
    config = make_config(tasks=TASKS, temporal_fusion="none", regressor="neighbours", neighbours=neighbours)
    return VLocNet(config).eval()


def regressor_of(network: VLocNet) -> NeighbourRegressor:
    assert network.pose is not None
    assert isinstance(network.pose.regressor, NeighbourRegressor)
    return network.pose.regressor


def test_a_pose_follows_the_frames_of_the_database_that_look_alike(images: torch.Tensor) -> None:
    """Move the database: the pose moves likewise; move a frame of it that looks different: nothing changes."""
    made = network()
    regressor = regressor_of(made)
    with torch.inference_mode():
        features = made(images[:1], images[:1]).pose_features
        assert features is not None
        known = torch.cat([features + 0.01 * torch.randn(5, features.shape[1]), -features])
        translation, quaternion = torch.randn(6, 3), torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(6, 1)
        regressor.set_database(known, translation, quaternion)
        before = regressor.regress(features)
        translation[5] += 7.0
        regressor.set_database(known, translation, quaternion)
        torch.testing.assert_close(regressor.regress(features), before)
        turned = quaternions.multiply(TURN.expand(6, 4), quaternion)
        moved = quaternions.rotate(TURN.expand(6, 4), translation) + 3.0
        regressor.set_database(known, moved, turned)
        after = regressor.regress(features)
    torch.testing.assert_close(after[0], quaternions.rotate(TURN[None], before[0]) + 3.0, atol=1e-4, rtol=0)
    torch.testing.assert_close(after[1], quaternions.multiply(TURN[None], before[1]), atol=1e-4, rtol=0)


def test_the_majority_outvotes_wrong_neighbours() -> None:
    translation = torch.tensor([[[1.0, 0.0, 0.0], [1.1, 0.0, 0.0], [0.9, 0.0, 0.0], [9.0, 0.0, 0.0], [0.0, -8.0, 0.0]]])
    quaternion = TURN.repeat(1, 5, 1)
    quaternion[0, 1] *= -1.0  # the same rotation
    quaternion[0, 3:] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    found, turned = consensus(translation, quaternion)
    torch.testing.assert_close(found, torch.tensor([[1.0, 0.0, 0.0]]))
    assert (turned @ TURN).abs().item() == pytest.approx(1.0, abs=1e-6)


def test_a_training_pass_has_no_pose_yet(images: torch.Tensor) -> None:
    made = network().train()
    prediction = made(images, images)
    assert prediction.translation is None
    assert prediction.pose_features is not None


@pytest.mark.parametrize("changes", [{"regressor": "neighbours"}, {"neighbours": 4}, {"neighbours": -1}])
def test_a_database_belongs_to_its_regressor(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="neighbours"):
        make_config(tasks=TASKS, **changes)
