"""Filter along a trajectory, in training and evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from drawn_worlds import QUICK, CodedQuery, CodeReader, coded

from dmn_ros.worlds.trajectory_filter import ego_motion, filter_trajectories
from dmn_ros.worlds.world_data import TrainingWorlds, WorldBatch


def test_a_belief_with_weights_that_correct_for_density_starts_uniform() -> None:
    batch = TrainingWorlds(coded(8), replace(QUICK, particles=20_000)).draw(0)
    means = []
    for density in (None, batch.log_density):
        particles, log_weights, _ = _filtered(CodeReader(0.0), batch, log_density=density)
        means.append((log_weights.exp().unsqueeze(-1) * particles)[:, :, 0, :, :2].sum(-2))
    assert means[0].abs().max() > 0.15  # drawn towards the truth, round which particles are dense
    assert means[1].abs().max() < 0.1


def test_weights_accumulate_the_likelihoods_of_all_images() -> None:
    batch = TrainingWorlds(coded(8), replace(QUICK, length=3)).draw(0)
    model = CodeReader(1.0)
    particles, log_weights, query = _filtered(model, batch)
    total = torch.zeros_like(log_weights[:, :, 0])
    for t in range(3):
        log_likelihood = model.log_likelihood(
            None, CodedQuery(query.poses.unflatten(1, (2, 3))[:, :, t]), particles[:, :, t]
        )
        total = total + log_likelihood
        torch.testing.assert_close(log_weights[:, :, t], total.log_softmax(-1), atol=1e-5, rtol=0)


def test_soft_resampling_in_between_does_not_change_the_belief() -> None:
    batch = TrainingWorlds(coded(8), replace(QUICK, particles=20_000, length=3)).draw(0)
    means = []
    for alpha in (None, 0.5):
        generator = torch.Generator().manual_seed(0)
        particles, log_weights, _ = _filtered(CodeReader(15.0), batch, resample_alpha=alpha, generator=generator)
        means.append((log_weights.exp().unsqueeze(-1) * particles)[:, :, -1, :, :2].sum(-2))
    torch.testing.assert_close(means[0], means[1], atol=0.05, rtol=0)


def _filtered(model: CodeReader, batch: WorldBatch, **options: Any) -> tuple[torch.Tensor, torch.Tensor, CodedQuery]:
    """Particles and weights along a batch's trajectories, and the queries that weighed them."""
    prepared, query = model.prepare(batch.view_images, batch.view_poses, batch.query_images.flatten(1, 2))
    odometry = ego_motion(batch.query_poses)
    return *filter_trajectories(model, prepared, query, batch.particles, odometry, **options), query  # type: ignore[arg-type]
