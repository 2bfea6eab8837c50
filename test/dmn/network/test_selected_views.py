"""Some views of a prepared map against a map of these views alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from random_inputs import random_inputs

from dmn_ros.config import NetworkConfig
from dmn_ros.network.dmn import DMN, ViewMap

VIEWS = torch.tensor([4, 0, 2])


@pytest.mark.parametrize("form", ["attention", "matching", "projection", "likeness"])
@torch.no_grad()
def test_selected_views_are_a_map_of_these_views(
    form: str, tiny_config: NetworkConfig, projection_config: NetworkConfig
) -> None:
    config = {
        "attention": NetworkConfig.paper(),
        "matching": tiny_config,
        "projection": projection_config,
        "likeness": replace(projection_config, compass=2, likeness=True),
    }[form]
    torch.manual_seed(1)
    network = DMN(config).eval()
    views, poses, queries, particles = random_inputs(config, 2, 5, 2, 7)
    weights = torch.rand(2, 5) * 0.9 + 0.1
    whole = network.reweighted(network.prepare_map(views, poses), weights)
    assert isinstance(whole, ViewMap)
    some = whole.selected(VIEWS)
    found = network.log_likelihood(some, network.prepare_query(some, queries), particles)
    alone = network.reweighted(network.prepare_map(views[:, VIEWS], poses[:, VIEWS]), weights[:, VIEWS])
    expected = network.log_likelihood(alone, network.prepare_query(alone, queries), particles)
    assert expected.std() > 1e-6
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
