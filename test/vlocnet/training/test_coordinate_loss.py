"""Loss of scene coordinates: zero at the true points, and what each cell is judged by."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from localization_common.geometry import quaternions
from vlocnet_ros.network.scene_coordinates import STRIDE
from vlocnet_ros.training.coordinate_loss import CellErrors, Cells, cell_errors, cells_of, coordinate_loss
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
    """Return coordinates (B, P, 4) for points (B, 3, h, w)."""
    flat = points.flatten(2).transpose(1, 2)
    return torch.cat([flat, torch.full_like(flat[..., :1], log_error)], dim=-1)


def cells(targets: Targets) -> Cells:
    return cells_of(targets, HEIGHT, WIDTH, INTRINSICS)


def errors(coordinates: torch.Tensor, targets: Targets) -> CellErrors:
    return cell_errors(coordinates, cells(targets), INTRINSICS)


def loss(coordinates: torch.Tensor, targets: Targets) -> torch.Tensor:
    return coordinate_loss(coordinates, cells(targets), INTRINSICS)


def without_depth(targets: Targets) -> Targets:
    return Targets(targets.translation, targets.quaternion, targets.previous, targets.pair)


def test_true_points_have_no_error(targets):
    true = pixel_points(targets)
    assert cells(targets).known.all()
    torch.testing.assert_close(cells(targets).points, coordinates_of(true)[..., :3], atol=1e-5, rtol=0.0)
    found = errors(coordinates_of(true), targets)
    assert found.pixels.max() < 0.02
    assert found.distance.max() < 1e-5
    assert loss(coordinates_of(true + 0.1), targets) > loss(coordinates_of(true), targets) + 1.0


def test_reprojection_errors_are_in_pixels(targets):
    aside = quaternions.rotate(targets.quaternion, torch.tensor([[0.1, 0.0, 0.0]]).expand(FRAMES, 3))
    found = errors(coordinates_of(pixel_points(targets) + aside[:, :, None, None]), targets)
    depth = cells(targets).depth
    torch.testing.assert_close(found.pixels, 0.1 * INTRINSICS[0] / depth, atol=0.01, rtol=0.0)
    torch.testing.assert_close(found.distance, 0.1 / depth, atol=1e-4, rtol=0.0)


def test_the_best_expected_error_is_half_the_reprojection_error(targets):
    """Laplace's distribution in two dimensions: -log p = e / s + 2 log s is least at s = e / 2."""
    coordinates = coordinates_of(pixel_points(targets) + 0.05)
    coordinates[..., 3] = (0.5 * errors(coordinates, targets).pixels).log()
    best = loss(coordinates, targets)
    for change in (-0.3, 0.3):
        other = coordinates.clone()
        other[..., 3] += change
        assert loss(other, targets) > best


@pytest.mark.parametrize("start", [60.0, -20.0])
def test_an_absurd_expected_error_is_learned_away(targets, start):
    coordinates = coordinates_of(pixel_points(targets) + 0.05, start).requires_grad_()
    coordinate_loss(coordinates, cells(targets), INTRINSICS).backward()
    assert (coordinates.grad[..., 3] * start > 0.0).all()


def test_cells_at_edges_and_without_depth_are_left_out(targets):
    depth = targets.depth.clone()
    depth[0, 3, 4] += 1.0  # two surfaces in the middle of the first cell
    depth[0, STRIDE + 3, 3] = float("nan")
    changed = without_depth(targets)
    changed = Targets(changed.translation, changed.quaternion, changed.previous, changed.pair, depth=depth)
    found = cells(changed)
    assert (~found.known).nonzero().tolist() == [[0, 0], [0, WIDTH // STRIDE]]
    assert torch.equal(found.judged, found.known)
    wrong = pixel_points(targets)
    wrong[0, :, 0, 0] += 5.0
    assert loss(coordinates_of(wrong), changed) == loss(coordinates_of(pixel_points(targets)), changed)


def test_without_depth_points_are_judged_by_their_rays(targets):
    blind, points = without_depth(targets), pixel_points(targets)
    assert cells(blind).judged.all()
    centre = targets.translation[:, :, None, None]
    farther = coordinates_of(centre + 1.5 * (points - centre))  # on the same rays
    true, same, aside = (loss(c, blind) for c in (coordinates_of(points), farther, coordinates_of(points + 0.2)))
    torch.testing.assert_close(true, same)
    assert aside > true + 1.0


def test_points_behind_the_camera_are_moved_in_front_of_it(targets):
    """A descent from points behind the camera, without any depth, ends at points that project into their cells."""
    blind, centre = without_depth(targets), targets.translation[:, :, None, None]
    start = coordinates_of(centre - 0.5 * (pixel_points(targets) - centre), 0.0).requires_grad_()
    optimizer = torch.optim.Adam([start], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        loss(start, blind).backward()
        optimizer.step()
    assert errors(start, blind).pixels.median() < 1.0
