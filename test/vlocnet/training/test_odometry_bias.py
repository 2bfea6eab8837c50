"""Removal of the odometry's bias after training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_networks import POSE_AND_ODOMETRY, make_config

from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.training.odometry_bias import _lines, calibrate_odometry


def test_calibration_removes_the_bias_of_the_odometry(frames):
    network = VLocNet(make_config(tasks=POSE_AND_ODOMETRY)).eval()
    regressor = network.odometry.regressor
    truth = torch.tensor([0.05, 0.0, 0.0])  # all frames of the wall have the same motion, plus the additions below
    moving = replace(frames, translation=frames.translation + 0.01 * torch.randn(8, 3).cumsum(0))

    def errors() -> torch.Tensor:
        images = moving.images.float() / 255.0
        with torch.inference_mode():
            predicted = network(images[:-1], images[1:]).relative_translation
        return predicted - (moving.translation[1:] - moving.translation[:-1])

    regressor.translation_scale.fill_(0.02)
    regressor.translation_mean.copy_(truth + 0.1)
    before = errors().square().sum()
    calibrate_odometry(network, moving, forward=True)
    assert errors().square().sum() < 0.5 * before
    assert not network.training


def test_lines_are_least_squares():
    x = torch.randn(50, 6)
    y = 1.3 * x + 0.2 + 0.05 * torch.randn(50, 6)
    y[:, 5] = 0.0  # constant: keeps its scale
    slope, offset = _lines(x, y)
    for i in range(5):
        expected = np.polyfit(x[:, i].numpy(), y[:, i].numpy(), 1)
        np.testing.assert_allclose([slope[i], offset[i]], expected, atol=1e-4)
    assert slope[5].item() == 1.0
    assert offset[5].item() == pytest.approx(-x[:, 5].mean().item(), abs=1e-6)
