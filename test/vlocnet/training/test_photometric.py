"""Self-supervised depth in a scene whose images and depth are given by a formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from planar_scene import HEIGHT, INTRINSICS, WIDTH, pose, see
from scipy.ndimage import uniform_filter
from scipy.spatial.transform import Rotation
from tiny_networks import make_config
from torch import Tensor

from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.training.losses import Targets
from vlocnet_ros.training.photometric import _neighbours, difference, photometric

#: Poses of three frames: forwards, and a little to the side.
POSES = tuple(pose([0.06 * i, -0.02 * i, 0.1 * i], [0.0, 1.5 * i, 0.5 * i]) for i in range(3))


def scene(poses: tuple[np.ndarray, ...] = POSES) -> tuple[Tensor, Tensor]:
    """Return images (B, 3, H, W) and true depth (B, 1, H, W)."""
    views = [see(p) for p in poses]
    return torch.cat([v.grey for v in views]).repeat(1, 3, 1, 1), torch.cat([v.depth for v in views])


def targets(previous: list[int], poses: tuple[np.ndarray, ...] = POSES, depth: Tensor | None = None) -> Targets:
    matrices = np.stack(poses)
    quaternion = Rotation.from_matrix(matrices[:, :3, :3]).as_quat(scalar_first=True)
    before = torch.tensor(previous)
    return Targets(
        torch.tensor(matrices[:, :3, 3]),
        torch.tensor(quaternion),
        before,
        before != torch.arange(len(before)),
        depth=depth,
    )


def loss(depth: Tensor, images: Tensor, truth: Targets) -> Tensor:
    found = photometric(depth, images, truth, INTRINSICS)
    assert found is not None
    return found


@pytest.mark.parametrize("previous", [[0, 0, 1], [1, 0, 1], [2, 1, 2]])
def test_the_loss_is_smallest_at_the_true_depth(previous):
    """Use a clip, pairs in both directions, and a frame without neighbour."""
    images, depth = scene()
    truth = targets(previous)
    right = loss(depth, images, truth)
    scanned = [loss(factor * depth, images, truth) for factor in (0.5, 0.8, 0.9, 0.97, 1.0, 1.03, 1.1, 1.25, 2.0)]
    assert scanned == sorted(scanned[:5], reverse=True) + sorted(scanned[5:])
    assert min(scanned) == right
    assert min(scanned[1], scanned[-2]) > 1.5 * right
    tilted = depth * torch.linspace(0.8, 1.2, WIDTH)
    assert loss(tilted, images, truth) > 1.2 * right
    # with the inverse motion, nothing fits
    reversed_motion = targets(previous, tuple(np.linalg.inv(p) for p in POSES))
    assert loss(depth, images, reversed_motion) > 3.0 * right


def test_gradient_is_that_of_finite_differences():
    images, depth = scene()
    truth = targets([0, 0, 1])
    generator = torch.Generator().manual_seed(1)
    start = (depth * (1.0 + 0.1 * torch.rand(depth.shape, generator=generator))).double().requires_grad_()
    calm = torch.nn.functional.avg_pool2d(images, 5, 1, 2).double()

    def value(d: Tensor) -> Tensor:
        return loss(d, calm, truth)

    value(start).backward()
    for _ in range(3):
        direction = torch.randn(depth.shape, generator=generator).double()
        with torch.no_grad():
            step = 1e-6
            measured = (value(start + step * direction) - value(start - step * direction)) / (2.0 * step)
        assert (start.grad * direction).sum().item() == pytest.approx(measured.item(), rel=2e-3)


def test_a_surface_hidden_from_one_neighbour_is_compared_with_the_other():
    """Hide a patch in the previous frame: in a clip it has a small loss, since the next frame shows it."""
    images, depth = scene()
    hidden = images.clone()
    hidden[0, :, 20:44, 20:60] = 0.5
    middle = targets([0, 0, 2])  # the middle frame has only a previous neighbour
    both = targets([0, 0, 1])
    covered = depth.clone()

    def added(truth: Targets) -> float:
        return (loss(covered, hidden, truth) - loss(covered, images, truth)).item()

    assert _neighbours(middle).tolist() == [[0, 0, 2], [1, 1, 2]]
    assert _neighbours(both).tolist() == [[0, 0, 1], [1, 2, 2]]
    assert added(both) < 0.7 * added(middle)


def test_frames_with_depth_or_without_neighbour_are_left_out():
    images, depth = scene()
    assert photometric(depth, images, targets([0, 1, 2]), INTRINSICS) is None
    assert photometric(depth, images, targets([0, 0, 1], depth=depth[:, 0]), INTRINSICS) is None
    partly = depth[:, 0].clone()
    partly[1] = torch.nan
    predicted = depth.clone().requires_grad_()
    loss(1.1 * predicted, images, targets([0, 0, 1], depth=partly)).backward()
    assert predicted.grad.flatten(1).abs().sum(1).gt(0).tolist() == [False, True, False]


def test_frames_with_depth_at_few_pixels_are_used_unless_they_were_drawn_with_a_guess():
    images, depth = scene()
    sparse = torch.full_like(depth[:, 0], torch.nan)
    sparse[:, ::4, ::4] = depth[:, 0, ::4, ::4]
    truth = targets([0, 0, 1], depth=sparse)
    guessed = torch.tensor([False, True, False])
    predicted = depth.clone().requires_grad_()
    found = photometric(1.1 * predicted, images, truth, INTRINSICS, guessed)
    assert found is not None
    found.backward()
    assert predicted.grad.flatten(1).abs().sum(1).gt(0).tolist() == [True, False, True]
    assert photometric(depth, images, truth, INTRINSICS, torch.ones(3, dtype=torch.bool)) is None


def test_pixels_that_do_not_move_have_no_loss():
    """Use objects that move with the camera: they look infinitely far, and agree best without motion."""
    images, depth = scene()
    still = images[:1].repeat(3, 1, 1, 1)
    predicted = depth.clone().requires_grad_()
    value = loss(predicted, still, targets([0, 0, 1]))
    value.backward()
    assert predicted.grad.abs().max() < 1e-6  # the gradient of the smoothness
    assert value < 1e-3


def test_difference_of_images_is_structural_similarity():
    """Compare with Wang et al. 2004, with windows of 3x3."""
    x, y = np.random.default_rng(0).random((2, 24, 32))

    def mean(image: np.ndarray) -> np.ndarray:
        return uniform_filter(image, 3, mode="mirror")

    mx, my = mean(x), mean(y)
    vx, vy, covariance = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    similarity = (2 * mx * my + 1e-4) * (2 * covariance + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    expected = 0.85 * np.clip((1 - similarity) / 2, 0, 1) + 0.15 * np.abs(x - y)
    found = difference(torch.tensor(x)[None, None], torch.tensor(y)[None, None])
    np.testing.assert_allclose(found[0], expected, atol=1e-10)


def test_a_decoder_learns_the_depth_of_a_drive_without_true_depth():
    torch.manual_seed(0)
    poses = tuple(pose([0.05 * i, 0.0, 0.12 * i], [0.0, 0.0, 0.0]) for i in range(4))
    images, depth = scene(poses)
    truth = targets([0, 0, 1, 2], poses)
    tasks = Tasks(pose=False, odometry=False, segmentation=False)
    network = VLocNet(
        make_config(width=WIDTH, height=HEIGHT, tasks=tasks, depth_range=(0.3, 20.0), depth_channels=16, dropout=0.0)
    )
    network.intrinsics.copy_(INTRINSICS)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)

    def error() -> float:
        predicted = network(images, images).depth
        return ((predicted - depth).abs() / depth).median().item()

    before = error()
    for _ in range(80):
        optimizer.zero_grad()
        loss(network(images, images).depth, images, truth).backward()
        optimizer.step()
    assert error() < 0.12 < before
