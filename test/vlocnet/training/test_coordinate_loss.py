"""Loss of scene coordinates: zero at the true points, and what each cell is judged by."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.network.scene_coordinates import STRIDE
from vlocnet_ros.training.coordinate_loss import CoordinateErrors, coordinate_loss
from vlocnet_ros.training.losses import Targets

HEIGHT, WIDTH, FRAMES = 48, 64, 3
INTRINSICS = torch.tensor([40.0, 42.0, 31.0, 24.5])
#: Logarithm of the expected error of all cells.
SURE = -2.0


@pytest.fixture
def targets() -> Targets:
    generator = torch.Generator().manual_seed(3)
    # Depth that changes slowly, so that the four pixels in the middle of each cell show one surface.
    depth = 2.0 + torch.rand(FRAMES, HEIGHT // STRIDE, WIDTH // STRIDE, generator=generator)
    return Targets(
        torch.randn(FRAMES, 3, generator=generator),
        functional.normalize(torch.randn(FRAMES, 4, generator=generator), dim=-1),
        torch.arange(FRAMES),
        torch.zeros(FRAMES, dtype=torch.bool),
        depth=depth.repeat_interleave(STRIDE, 1).repeat_interleave(STRIDE, 2),
    )


def pixel_points(targets: Targets) -> torch.Tensor:
    """Points in the map of the cells' centres, computed pixel by pixel; (B, 3, h, w)."""
    fx, fy, cx, cy = INTRINSICS.tolist()
    rows = []
    for v in range(HEIGHT // STRIDE):
        for u in range(WIDTH // STRIDE):
            z = targets.depth[:, v * STRIDE + 3, u * STRIDE + 3]
            x, y = (u * STRIDE + 3.5 - cx) / fx * z, (v * STRIDE + 3.5 - cy) / fy * z
            optical = torch.stack([x, y, z], dim=-1)
            rows.append(quaternions.rotate(targets.quaternion, optical) + targets.translation)
    return torch.stack(rows, dim=-1).reshape(FRAMES, 3, HEIGHT // STRIDE, WIDTH // STRIDE)


def coordinates_of(points: torch.Tensor, log_error: float = SURE) -> torch.Tensor:
    return torch.cat([points, torch.full_like(points[:, :1], log_error)], dim=1)


def test_true_points_have_no_error(targets):
    errors = CoordinateErrors(coordinates_of(pixel_points(targets)), targets, INTRINSICS)
    assert errors.known.all()
    assert errors.reprojection.max() < 0.02
    assert errors.distance(errors.depth).max() < 1e-5
    moved = CoordinateErrors(coordinates_of(pixel_points(targets) + 0.1), targets, INTRINSICS)
    assert coordinate_loss(moved) > coordinate_loss(errors) + 1.0


def test_reprojection_errors_are_in_pixels(targets):
    points = pixel_points(targets)
    aside = quaternions.rotate(targets.quaternion, torch.tensor([[0.1, 0.0, 0.0]]).expand(FRAMES, 3))
    errors = CoordinateErrors(coordinates_of(points + aside[:, :, None, None]), targets, INTRINSICS)
    torch.testing.assert_close(errors.reprojection, 0.1 * INTRINSICS[0] / errors.depth, atol=0.01, rtol=0.0)
    torch.testing.assert_close(errors.distance(errors.depth), 0.1 / errors.depth, atol=1e-4, rtol=0.0)


def test_the_best_expected_error_is_half_the_reprojection_error(targets):
    """Laplace's distribution in two dimensions: -log p = e / s + 2 log s is least at s = e / 2."""
    points = pixel_points(targets) + 0.05
    pixels = CoordinateErrors(coordinates_of(points), targets, INTRINSICS).reprojection
    log_error = (0.5 * pixels).log().reshape(FRAMES, 1, HEIGHT // STRIDE, WIDTH // STRIDE)
    best = coordinate_loss(CoordinateErrors(torch.cat([points, log_error], dim=1), targets, INTRINSICS))
    for change in (-0.3, 0.3):
        other = torch.cat([points, log_error + change], dim=1)
        assert coordinate_loss(CoordinateErrors(other, targets, INTRINSICS)) > best


def test_cells_at_edges_and_without_depth_are_left_out(targets):
    depth = targets.depth.clone()
    depth[0, 3, 4] += 1.0  # two surfaces in the middle of the first cell
    depth[0, STRIDE + 3, 3] = float("nan")
    changed = Targets(*(getattr(targets, n) for n in ("translation", "quaternion", "previous", "pair")), depth=depth)
    errors = CoordinateErrors(coordinates_of(pixel_points(targets)), changed, INTRINSICS)
    columns = WIDTH // STRIDE
    assert (~errors.known).nonzero().tolist() == [[0, 0], [0, columns]]
    wrong = pixel_points(targets)
    wrong[0, :, 0, 0] += 5.0
    assert coordinate_loss(CoordinateErrors(coordinates_of(wrong), changed, INTRINSICS)) == coordinate_loss(errors)


def test_without_depth_points_are_judged_by_their_rays(targets):
    blind = Targets(targets.translation, targets.quaternion, targets.previous, targets.pair)
    points = pixel_points(targets)
    centre = targets.translation[:, :, None, None]
    farther = coordinates_of(centre + 1.5 * (points - centre))  # on the same rays
    aside = coordinates_of(points + 0.2)
    losses = [coordinate_loss(CoordinateErrors(c, blind, INTRINSICS)) for c in (coordinates_of(points), farther, aside)]
    torch.testing.assert_close(losses[0], losses[1])
    assert losses[2] > losses[0] + 1.0


def test_points_behind_the_camera_are_moved_in_front_of_it(targets):
    """A descent from points behind the camera, without any depth, ends at points that project into their cells."""
    blind = Targets(targets.translation, targets.quaternion, targets.previous, targets.pair)
    centre = targets.translation[:, :, None, None]
    start = coordinates_of(centre - 0.5 * (pixel_points(targets) - centre), 0.0).requires_grad_()
    optimizer = torch.optim.Adam([start], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        coordinate_loss(CoordinateErrors(start, blind, INTRINSICS)).backward()
        optimizer.step()
    assert CoordinateErrors(start, blind, INTRINSICS).reprojection.median() < 1.0
