"""Motion noise in amcl's parameters: means and variances of many draws."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.motion_model import rotation_translation_rotation, sample_motion

SILENT = FilterConfig(alpha1=0, alpha2=0, alpha3=0, alpha4=0, min_noise_d=0, min_noise_a=0)
COUNT = 20_000


def _moved(config: FilterConfig, motion: list[float]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return sample_motion(torch.zeros(COUNT, 3), torch.tensor(motion), config, generator)


def test_without_noise_particles_follow_the_odometry() -> None:
    particles = torch.tensor([[1.0, 2.0, math.pi / 2], [0.0, 0.0, 0.0]])
    moved = sample_motion(particles, torch.tensor([1.0, 0.5, 0.2]), SILENT)
    expected = torch.tensor([[0.5, 3.0, math.pi / 2 + 0.2], [1.0, 0.5, 0.2]])
    torch.testing.assert_close(moved, expected, atol=1e-6, rtol=0)


def test_translation_noise_has_the_variance_of_alpha3() -> None:
    moved = _moved(dataclasses.replace(SILENT, alpha3=0.04), [2.0, 0.0, 0.0])
    assert float(moved[:, 0].mean()) == pytest.approx(2.0, abs=0.02)
    assert float(moved[:, 0].std()) == pytest.approx(math.sqrt(0.04) * 2.0, rel=0.03)
    assert moved[:, 1:].abs().max() < 1e-6


def test_rotation_noise_has_the_variance_of_alpha1() -> None:
    moved = _moved(dataclasses.replace(SILENT, alpha1=0.09), [0.0, 0.0, 0.5])
    assert float(moved[:, 2].std()) == pytest.approx(0.3 * 0.5, rel=0.03)
    assert moved[:, :2].abs().max() < 1e-6


def test_driving_turns_by_alpha2_and_turning_shifts_by_alpha4() -> None:
    turned = _moved(dataclasses.replace(SILENT, alpha2=0.01), [1.0, 0.0, 0.0])
    assert float(turned[:, 2].std()) == pytest.approx(
        math.sqrt(2 * 0.01), rel=0.03
    )  # once before, once after the translation
    shifted = _moved(dataclasses.replace(SILENT, alpha4=0.01), [0.0, 0.0, 1.0])
    assert float(shifted[:, 0].std()) == pytest.approx(0.1, rel=0.03)


def test_driving_backwards_is_no_turn() -> None:
    moved = _moved(dataclasses.replace(SILENT, alpha1=0.09), [-1.0, 0.0, 0.0])
    torch.testing.assert_close(moved.mean(0), torch.tensor([-1.0, 0.0, 0.0]), atol=1e-5, rtol=0)
    assert moved.std(0).max() < 1e-5


def test_least_noise_keeps_copies_apart() -> None:
    moved = _moved(dataclasses.replace(SILENT, min_noise_d=0.05, min_noise_a=0.02), [0.0, 0.0, 0.0])
    torch.testing.assert_close(moved.std(0), torch.tensor([0.05, 0.05, 0.02]), atol=1e-3, rtol=0)


def test_parts_of_a_motion() -> None:
    first, distance, second = rotation_translation_rotation(torch.tensor([1.0, 1.0, 1.0]))
    assert (float(first), float(distance), float(second)) == pytest.approx((math.pi / 4, math.sqrt(2), 1 - math.pi / 4))
    first, _, second = rotation_translation_rotation(torch.tensor([0.001, 0.001, 0.3]))
    assert (float(first), float(second)) == pytest.approx((0.0, 0.3))
