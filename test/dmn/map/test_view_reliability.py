"""Reliability: views with evidence against them lose their weight, other views keep it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from dmn_ros.config import NetworkConfig
from dmn_ros.map.context_map import ContextMap
from dmn_ros.map.view_reliability import attention_weights, updated, view_evidence
from dmn_ros.network.dmn import DMN
from localization_common.errors import MapError
from localization_common.files import tensor_files


def test_reliability_falls_and_rises_image_by_image() -> None:
    reliability, views = np.ones(3), np.array([0, 2])
    history = []
    for _ in range(9):
        reliability = updated(reliability, views, np.array([-50.0, 50.0]))
        history.append(reliability[0])
    assert history[2] > 0.5 > history[4]  # five images outweigh a good record, three do not
    assert history[-1] == pytest.approx(1.0 / (1.0 + np.exp(4.0)))
    assert reliability[1] == 1.0
    assert attention_weights(reliability).tolist() == [2.0 * history[-1], 1.0, 1.0]
    for _ in range(8):
        reliability = updated(reliability, views, np.array([0.6, 0.0]))
    assert 0.5 < reliability[0] < 0.9


def test_evidence_is_that_of_each_view_alone(tiny_network: DMN, tiny_map: ContextMap) -> None:
    poses = torch.from_numpy(tiny_map.poses).float() / 5.0
    query, pose, reference = torch.rand_like(tiny_map.features[0]), torch.tensor([0.1, 0.2, 0.3]), torch.rand(5, 3)
    with torch.inference_mode():
        found = view_evidence(tiny_network, tiny_map.features, poses, query, pose, reference)
        for view, pose_of_view, value in zip(tiny_map.features, poses, found, strict=True):
            alone = tiny_network(
                view[None, None],
                pose_of_view[None, None],
                query[None, None],
                torch.cat([pose[None], reference])[None, None],
            )[0, 0]
            assert float(value) == pytest.approx(float(alone[0] - alone[1:].exp().mean().log()), abs=1e-5)


@pytest.mark.parametrize("observation", ["matching", "attention", "projection"])
def test_a_view_without_weight_is_as_good_as_none(tiny_config: NetworkConfig, observation: str) -> None:
    torch.manual_seed(1)
    network = DMN(dataclasses.replace(tiny_config, observation=observation, nearest_views=4)).eval()
    images, poses, query, particles = (
        torch.rand(4, 3, 24, 32),
        torch.rand(1, 4, 3),
        torch.rand(1, 3, 24, 32),
        torch.rand(1, 1, 9, 3),
    )
    with torch.inference_mode():
        views, query_views = network.context_embedding(images)[None], network.query_embedding(query)[None]

        def log_likelihood(count: int, weights: list[float]) -> torch.Tensor:
            prepared = network.prepare_map(views[:, :count], poses[:, :count])
            prepared = network.reweighted(prepared, torch.tensor([weights]))
            return network.log_likelihood(prepared, network.prepare_query(prepared, query_views), particles)

        three, four = log_likelihood(3, [1.0, 1.0, 1.0]), log_likelihood(4, [1.0, 1.0, 1.0, 1.0])
        assert (three - four).abs().max() > 1e-4
        torch.testing.assert_close(log_likelihood(4, [1.0, 1.0, 1.0, 1e-9]), three, atol=1e-5, rtol=0.0)
        torch.testing.assert_close(four, network(views, poses, query_views, particles))


def test_reliability_stays_with_its_view(tiny_map: ContextMap, tmp_path: Path) -> None:
    values = np.array([1.0, 0.9, 0.2, 0.6, 0.1, 0.8])
    rated = dataclasses.replace(tiny_map, reliability=values)
    grown = rated.add(tiny_map.features[0], [3.0, 2.0, 0.5])
    grown.save(tmp_path / "m")
    read = ContextMap.load(tmp_path / "m")
    np.testing.assert_array_equal(read.reliability, [*values, 1.0])
    pruned = read.pruned(spacing_d=1e-6, spacing_a=1e-6, max_views=100)
    np.testing.assert_array_equal(pruned.reliability, [1.0, 0.9, 0.6, 0.8, 1.0])
    np.testing.assert_array_equal(pruned.poses[:4], tiny_map.poses[[0, 1, 3, 5]])
    doubtful = dataclasses.replace(tiny_map, reliability=values / 10.0)
    assert doubtful.pruned(spacing_d=1.0, spacing_a=1.0, max_views=9).reliability.tolist() == [0.1]
    other = dataclasses.replace(
        rated, poses=tiny_map.poses + np.array([50.0, 0.0, 0.0]), reliability=values[::-1].copy()
    )
    merged = rated.merged(other, spacing_d=0.1, spacing_a=0.1)
    np.testing.assert_array_equal(merged.reliability, [*values, *values[::-1]])
    for wrong in (np.ones(2), np.full(6, 1.5), np.full(6, np.nan)):
        with pytest.raises(MapError, match=r"6 numbers in 0\.\.1"):
            dataclasses.replace(tiny_map, reliability=wrong)


def test_a_map_without_reliability_is_read(tiny_map: ContextMap, tmp_path: Path) -> None:
    header = {"version": 2, "bounds": [-1, -2, 3, 4], "scale": 5.0, "frame_id": "map", "fingerprint": "x"}
    tensors = {name: torch.from_numpy(getattr(tiny_map, name)) for name in ("poses", "covariances")}
    tensor_files.save(
        tmp_path / "m", kind="context_map", tensors={**tensors, "features": tiny_map.features}, header=header
    )
    np.testing.assert_array_equal(ContextMap.load(tmp_path / "m").reliability, np.ones(6))
