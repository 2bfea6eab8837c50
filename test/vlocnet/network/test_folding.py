"""Folded networks: the same function with fewer operations."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import POSE_AND_ODOMETRY, make_config, randomize_statistics
from torch import nn

from vlocnet_ros.config import Tasks
from vlocnet_ros.network.folding import folded
from vlocnet_ros.network.named_tensors import flatten
from vlocnet_ros.network.vlocnetpp import VLocNet


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.fixture
def network() -> VLocNet:
    made = VLocNet(make_config(correlation=(2, 1)))
    randomize_statistics(made)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.normal_(module.bias)
    return made.eval()


@pytest.mark.parametrize("tasks", [Tasks(), POSE_AND_ODOMETRY], ids=["all", "no segmentation"])
def test_outputs_and_features_are_the_same(images, tasks):
    network = VLocNet(make_config(tasks=tasks))
    randomize_statistics(network)
    network.eval()
    other = folded(network)
    with torch.inference_mode():
        for run in (lambda n: n.encode(images), lambda n: n(images, images.flip(0))):
            for a, b in zip(flatten(run(network)).values(), flatten(run(other)).values(), strict=True):
                torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_signs_and_offsets_of_normalisations_are_folded_too(network, images):
    other = folded(network)
    with torch.inference_mode():
        for name, tensor in flatten(network.encode(images)).items():
            torch.testing.assert_close(flatten(other.encode(images))[name], tensor, atol=1e-4, rtol=1e-4)


def test_normalisations_after_convolutions_are_folded_and_others_stay(network):
    other = folded(network)
    unit = other.trunk.res2[0]
    assert isinstance(unit.norm1, nn.BatchNorm2d)  # follows a sum
    assert isinstance(unit.norm2, nn.Identity)
    assert isinstance(unit.norm3, nn.Identity)
    assert isinstance(other.segmentation.block4[0].norm3, nn.GroupNorm)  # has no running statistics
    assert isinstance(other.segmentation.res1[1], nn.Identity)
    assert norms(other) < 0.5 * norms(network)


def test_the_network_itself_does_not_change(network, images):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    count = norms(network)
    folded(network)
    assert norms(network) == count
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
