"""Equation 1 against NumPy, and warping against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from localization_common.geometry import quaternions
from vlocnet_ros.network.fusion import FUSIONS, AdaptiveFusion
from vlocnet_ros.network.warping import sampling_grid, warp

H, W = 32, 48
INTRINSICS = torch.tensor([40.0, 42.0, 22.0, 17.0])
STILL = torch.tensor([[1.0, 0.0, 0.0, 0.0]])


def test_fusion_is_equation_one():
    fusion = AdaptiveFusion(3, 2)
    with torch.no_grad():
        for p in fusion.parameters():
            p.normal_()
    a, b = torch.randn(2, 3, 4, 5), torch.randn(2, 2, 4, 5)
    n = {name: p.detach().numpy() for name, p in fusion.named_parameters()}
    z = np.concatenate([n["weight_a"] * a.numpy(), n["weight_b"] * b.numpy()], axis=1)
    expected = np.einsum("oc,bchw->bohw", n["pool.weight"][:, :, 0, 0], z) + n["pool.bias"][:, None, None]
    np.testing.assert_allclose(fusion(a, b).detach().numpy(), np.maximum(expected, 0), atol=1e-5)


def test_fusion_keeps_the_channels_of_the_refined_map():
    assert AdaptiveFusion(6, 9)(torch.rand(1, 6, 2, 2), torch.rand(1, 9, 2, 2)).shape == (1, 6, 2, 2)


@pytest.mark.parametrize("kind", FUSIONS)
def test_a_fusion_without_training_is_the_identity_on_the_refined_map(kind):
    fusion = FUSIONS[kind](6, 9)
    fusion.initialize_identity()
    a = 4.0 * torch.rand(2, 6, 3, 3) - 3.9
    passed = fusion(a, torch.randn(2, 9, 3, 3))
    torch.testing.assert_close(passed - fusion.offset, a)
    passed.sum().backward()
    assert fusion.pool.weight.grad[:, 6:].abs().min() > 0.0  # the weights of the other map can be learned


@pytest.mark.parametrize("scale", [1, 4, 16])
def test_no_motion_changes_nothing(scale):
    features = torch.randn(1, 5, H // scale, W // scale)
    grid = sampling_grid(torch.rand(1, 1, H, W) + 1.0, torch.zeros(1, 3), STILL, INTRINSICS)
    torch.testing.assert_close(warp(features, grid), features, atol=1e-4, rtol=0)


@pytest.mark.parametrize("scale", [1, 8])
def test_sideways_motion_before_a_plane_shifts_by_focal_length_times_motion_over_depth(scale):
    depth, columns = 2.0, 2  # columns at this scale
    motion = columns * scale * depth / INTRINSICS[0].item()
    features = torch.randn(1, 3, H // scale, W // scale)
    grid = sampling_grid(torch.full((1, 1, H, W), depth), torch.tensor([[motion, 0.0, 0.0]]), STILL, INTRINSICS)
    warped = warp(features, grid)
    torch.testing.assert_close(warped[..., :-columns], features[..., columns:], atol=1e-4, rtol=0)
    assert warped[..., -columns:].abs().max() < 1e-5  # was not in view


def test_grid_is_the_projection_of_each_point_into_the_previous_camera():
    q = quaternions.normalize(torch.tensor([[1.0, 0.05, -0.1, 0.02]]))
    t = torch.tensor([[0.1, -0.05, 0.2]])
    depth = torch.rand(1, 1, H, W) + 1.5
    grid = sampling_grid(depth, t, q, INTRINSICS)
    u, v = 30, 11
    K = np.array([[40.0, 0, 22.0], [0, 42.0, 17.0], [0, 0, 1]])
    point = np.linalg.inv(K) @ np.array([u, v, 1.0]) * depth[0, 0, v, u].item()
    pixel = K @ (quaternions.to_matrix(q)[0].numpy() @ point + t[0].numpy())
    pixel = pixel[:2] / pixel[2]
    expected = (2 * pixel + 1) / np.array([W, H]) - 1
    np.testing.assert_allclose(grid[0, :, v, u].numpy(), expected, atol=1e-5)


def test_points_behind_the_previous_camera_are_not_seen():
    grid = sampling_grid(torch.ones(1, 1, H, W), torch.tensor([[0.0, 0.0, -2.0]]), STILL, INTRINSICS)
    assert (warp(torch.ones(1, 1, H, W), grid) == 0).all()


def test_warping_is_differentiable_in_depth_and_motion():
    depth = (torch.rand(1, 1, 8, 8, dtype=torch.float64) + 1.0).requires_grad_()
    t = torch.tensor([[0.03, 0.02, 0.05]], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([[1.0, 0.01, 0.02, -0.01]], dtype=torch.float64, requires_grad=True)
    ramp = torch.linspace(0, 1, 8, dtype=torch.float64).square().expand(1, 1, 8, 8)
    intrinsics = torch.tensor([8.0, 8.0, 3.5, 3.5], dtype=torch.float64)

    def warped(depth, t, q):
        return warp(ramp, sampling_grid(depth, t, q, intrinsics))[..., 2:6, 2:6]

    assert torch.autograd.gradcheck(warped, (depth, t, q))


def test_mixed_precision_does_not_move_the_grid():
    arguments = (torch.full((1, 1, H, W), 2.0), torch.tensor([[0.1, 0.0, 0.0]]), STILL, INTRINSICS)
    full = sampling_grid(*arguments)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = sampling_grid(*arguments)
    torch.testing.assert_close(mixed, full)
