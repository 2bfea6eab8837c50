"""Optimisers: weights that Muon and AdamW update, sizes of their steps, and continuation from a saved state."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from localization_common.errors import ConfigError
from localization_common.training.optimizers import build_optimizer, is_matrix

RATE = 1e-3


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 24, 3), nn.ReLU(), nn.Conv2d(24, 32, 3), nn.Flatten(), nn.Linear(32, 4))


def groups_of(network, share=1.0, decay=0.0):
    return [{"params": list(network.parameters()), "weight_decay": decay, "share": share}]


def take_step(network, optimizer):
    optimizer.zero_grad()
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(6, 3, 5, 5, generator=generator)
    (network(images) - 1.0).square().mean().backward()
    optimizer.step()


def moved(network, algorithm, share=1.0):
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    take_step(network, build_optimizer(algorithm, groups_of(network, share), RATE))
    return {name: p.detach() - before[name] for name, p in network.named_parameters()}


def test_matrices_are_kernels_and_layers_that_are_wide_enough(network):
    names = {name for name, p in network.named_parameters() if is_matrix(p)}
    assert names == {"0.weight", "2.weight"}  # no biases, and not the four outputs


@pytest.mark.parametrize(("algorithm", "alike"), [("muon", True), ("adamw", False)])
def test_muon_moves_a_matrix_alike_in_all_directions(algorithm, alike):
    """Update a kernel whose gradient is twenty times as large in one direction as in another."""
    torch.manual_seed(0)
    kernel = nn.Parameter(torch.zeros(32, 8, 3, 3))
    rows, columns = (torch.linalg.qr(torch.randn(n, 32)).Q for n in (32, 72))
    kernel.grad = (rows @ torch.diag(torch.linspace(0.05, 1.0, 32)) @ columns.T).view_as(kernel)
    build_optimizer(algorithm, [{"params": [kernel], "weight_decay": 0.0, "share": 1.0}], RATE).step()
    lengths = torch.linalg.svdvals(kernel.detach().flatten(1))
    assert (lengths.min() > 0.5 * lengths.max()) == alike
    if alike:
        assert lengths.max() < 1.3 * 10.0 * RATE


def test_an_algorithm_that_does_not_exist_is_refused(network):
    with pytest.raises(ConfigError, match="'sgd' is not one of adamw, muon"):
        build_optimizer("sgd", groups_of(network), RATE)


def test_other_parameters_move_as_by_adam_with_nesterovs_momentum(network):
    by_muon = moved(network, "muon")
    for name in ("0.bias", "2.bias", "4.weight", "4.bias"):
        torch.testing.assert_close(by_muon[name].abs(), torch.full_like(by_muon[name], 1.9 * RATE), rtol=1e-2, atol=0.0)


@pytest.mark.parametrize("algorithm", ["adamw", "muon"])
def test_a_share_is_of_the_learning_rate(network, algorithm):
    state = deepcopy(network.state_dict())
    whole = moved(network, algorithm)
    network.load_state_dict(state)
    half = moved(network, algorithm, share=0.5)
    for name, value in whole.items():
        torch.testing.assert_close(half[name], 0.5 * value, rtol=1e-3, atol=1e-7)


def test_weights_decay_alike_by_both(network):
    state = deepcopy(network.state_dict())
    for algorithm in ("adamw", "muon"):
        network.load_state_dict(state)
        optimizer = build_optimizer(algorithm, groups_of(network, decay=0.5), RATE)
        for p in network.parameters():
            p.grad = torch.zeros_like(p)
        optimizer.step()
        for name, p in network.named_parameters():
            torch.testing.assert_close(p.detach(), (1.0 - 0.5 * RATE) * state[name], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("algorithm", ["adamw", "muon"])
def test_continues_from_its_state(network, algorithm):
    optimizer = build_optimizer(algorithm, groups_of(network), RATE)
    take_step(network, optimizer)
    weights, saved = deepcopy(network.state_dict()), deepcopy(optimizer.state_dict())
    take_step(network, optimizer)
    undisturbed = deepcopy(network.state_dict())
    network.load_state_dict(weights)
    resumed = build_optimizer(algorithm, groups_of(network), RATE)
    resumed.load_state_dict(saved)
    take_step(network, resumed)
    for name, value in network.state_dict().items():
        assert torch.equal(value, undisturbed[name])
