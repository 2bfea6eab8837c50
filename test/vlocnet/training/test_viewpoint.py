"""Re-projection against closed forms: planes, occlusion, labels, and consistent pairs of frames."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from localization_common.geometry import quaternions
from vlocnet_ros.training.augmentation import FrameBatch, augment
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.losses import Targets, relative_targets
from vlocnet_ros.training.viewpoint import reproject

H, W = 40, 60
F = 50.0
INTRINSICS = torch.tensor([F, F, 29.5, 19.5])
STILL = torch.tensor([[1.0, 0.0, 0.0, 0.0]])


def smooth_image() -> torch.Tensor:
    x, y = torch.linspace(0, 1, W), torch.linspace(0, 1, H)
    return torch.stack([x.expand(H, W), y[:, None].expand(H, W), (x * y[:, None])])[None]


def test_no_motion_gives_the_same_frame():
    image, depth = torch.rand(1, 3, H, W), torch.rand(1, H, W) * 0.1 + 2.0
    labels = torch.randint(0, 5, (1, H, W), dtype=torch.uint8)
    view = reproject(image, depth, labels, INTRINSICS, torch.zeros(1, 3), STILL)
    torch.testing.assert_close(view.image, image, atol=1e-4, rtol=0)
    torch.testing.assert_close(view.depth, depth)
    assert torch.equal(view.labels, labels)
    assert view.seen.all()


def test_a_step_sideways_before_a_wall_shifts_by_fractions_of_a_pixel():
    shift, distance = 4.5, 2.0
    step = torch.tensor([[shift * distance / F, 0.0, 0.0]])
    image = smooth_image()
    view = reproject(image, torch.full((1, H, W), distance), None, INTRINSICS, step, STILL)
    seen = view.seen[0, H // 2].nonzero()[:, 0]
    assert seen.min() == 0
    assert abs(int(seen.max()) - (W - 1 - shift)) <= 1
    columns = torch.arange(W)[: W - 6]
    expected = (columns + shift) / (W - 1)
    torch.testing.assert_close(view.image[0, 0, H // 2, : W - 6], expected, atol=2e-3, rtol=0)


def test_a_step_forward_changes_depth_by_its_length():
    step = torch.tensor([[0.0, 0.0, 0.5]])
    view = reproject(smooth_image(), torch.full((1, H, W), 2.0), None, INTRINSICS, step, STILL)
    assert view.seen.all()  # the view is enlarged by a third: gaps between splatted points are closed
    torch.testing.assert_close(view.depth, torch.full((1, H, W), 1.5))
    u = torch.arange(W) - 29.5
    expected = (u * 1.5 / 2.0 + 29.5) / (W - 1)
    torch.testing.assert_close(view.image[0, 0, H // 2], expected, atol=2e-3, rtol=0)


def test_a_turn_moves_the_image_as_a_pinhole_camera_does():
    angle = math.radians(6.0)
    q = torch.tensor([[math.cos(angle / 2), 0.0, math.sin(angle / 2), 0.0]])
    view = reproject(smooth_image(), torch.full((1, H, W), 3.0), None, INTRINSICS, torch.zeros(1, 3), q)
    u = 25
    old = math.tan(math.atan((u - 29.5) / F) + angle) * F + 29.5
    assert view.image[0, 0, 19, u].item() == pytest.approx(old / (W - 1), abs=5e-3)


def test_near_surfaces_hide_far_ones():
    depth = torch.full((1, H, W), 4.0)
    depth[:, :, 20:30] = 1.0
    labels = (depth < 2.0).to(torch.uint8)
    step = torch.tensor([[0.1, 0.0, 0.0]])  # the near strip moves 5 pixels to the left, the wall 1.25
    view = reproject(smooth_image(), depth, labels, INTRINSICS, step, STILL)
    assert (view.labels[0, 20, 15:25] == 1).all()
    assert (view.labels[0, 20, 2:14] == 0).all()
    assert (view.depth[0, 20, 16:24] == 1.0).all()
    assert not view.seen[0, 20, 26:28].any()  # uncovered: not visible in the source
    assert (view.labels[0, 20, 26:28] == 255).all()


def test_unknown_depth_is_drawn_nowhere():
    depth = torch.full((1, H, W), float("nan"))
    view = reproject(smooth_image(), depth, None, INTRINSICS, torch.zeros(1, 3), STILL)
    assert not view.seen.any()
    assert torch.isnan(view.depth).all()


def test_pixels_without_depth_are_drawn_but_get_none():
    """Before a wall of which a half has depth, every pixel is drawn as with complete depth."""
    whole = torch.full((1, H, W), 2.0)
    half = whole.clone()
    half[:, :, 30:] = torch.nan
    step = torch.tensor([[0.1, 0.0, 0.4]])
    expected, view = (reproject(smooth_image(), d, None, INTRINSICS, step, STILL) for d in (whole, half))
    assert torch.equal(view.seen, expected.seen)
    torch.testing.assert_close(view.image, expected.image, atol=1e-3, rtol=0)
    measured = torch.isfinite(view.depth)
    assert 0.4 < measured.float().mean() < 0.6
    torch.testing.assert_close(view.depth[measured], expected.depth[measured], atol=1e-3, rtol=0)


def test_a_measured_surface_that_is_hidden_gives_no_depth():
    """The near strip is a guess between its edges; a step sideways hides the measured wall behind it."""
    depth = torch.full((1, H, W), 4.0)
    depth[:, :, 20:30] = 1.0
    partial = depth.clone()
    partial[:, :, 22:28] = torch.nan
    step = torch.tensor([[0.1, 0.0, 0.0]])
    view = reproject(smooth_image(), partial, None, INTRINSICS, step, STILL)
    known = torch.isfinite(view.depth)
    assert not (view.depth[0, 20, 17:23] > 3.0).any()
    assert known.float().mean() > 0.6


def batch(n: int = 8) -> FrameBatch:
    own = torch.arange(n)
    q = quaternions.normalize(torch.randn(n, 4))
    targets = Targets(
        translation=torch.randn(n, 3),
        quaternion=q,
        previous=own ^ 1,
        pair=torch.ones(n, dtype=torch.bool),
        labels=torch.randint(0, 4, (n, H, W), dtype=torch.uint8),
        depth=torch.full((n, H, W), 2.0),
    )
    return FrameBatch(smooth_image().expand(n, 3, H, W), targets)


ONLY_VIEWPOINT = AugmentationConfig(viewpoint=1.0, light=0.0, relight=0.0, narrow=0.0, erase=0.0, shift=0, alone=0.0)


def test_moved_poses_and_images_agree():
    """Check that points of the new image, moved to the map with the new pose, lie on the old wall."""
    before = batch(2)
    after = augment(before, INTRINSICS, ONLY_VIEWPOINT, torch.Generator().manual_seed(1))
    u, v = 30, 20
    for i in range(2):
        z = after.targets.depth[i, v, u]
        ray = torch.tensor([(u - 29.5) / F, (v - 19.5) / F, 1.0])
        in_map = quaternions.rotate(after.targets.quaternion[i], ray * z) + after.targets.translation[i]
        in_old = quaternions.rotate(
            quaternions.conjugate(before.targets.quaternion[i]), in_map - before.targets.translation[i]
        )
        assert in_old[2].item() == pytest.approx(2.0, abs=0.03)
        pixel = in_old[0] / in_old[2] * F + 29.5
        assert after.images[i, 0, v, u].item() == pytest.approx(pixel.item() / (W - 1), abs=0.01)


def test_both_frames_of_a_pair_move_together():
    before = batch(8)
    config = replace(ONLY_VIEWPOINT, relative=0.0)
    x = before.targets
    same = replace(x, translation=x.translation[x.previous & ~1], quaternion=x.quaternion[x.previous & ~1])
    after = augment(FrameBatch(before.images, same), INTRINSICS, config, torch.Generator().manual_seed(2)).targets
    _, motion, rotation = relative_targets(after)
    assert motion.abs().max() < 1e-5  # they stood still before and after
    assert rotation[:, 1:].abs().max() < 1e-5
    assert (after.translation - same.translation).norm(dim=1).min() > 1e-3


def test_pairs_with_a_frame_without_depth_stay_as_they_are():
    before = batch(6)
    depth = before.targets.depth.clone()
    depth[1] = torch.nan  # second frame of the first pair
    depth[2:4, :, :20] = torch.nan
    partial = FrameBatch(before.images, replace(before.targets, depth=depth))
    after = augment(partial, INTRINSICS, ONLY_VIEWPOINT, torch.Generator().manual_seed(2))
    torch.testing.assert_close(after.images[:2], before.images[:2])
    assert torch.equal(after.targets.translation[:2], before.targets.translation[:2])
    assert (after.targets.translation[2:] != before.targets.translation[2:]).any(1).all()
    assert after.guessed.tolist() == [False, False, True, True, False, False]


def test_planar_robots_stay_on_their_floor():
    before = batch(64)
    config = replace(ONLY_VIEWPOINT, planar=True)
    after = augment(before, INTRINSICS, config, torch.Generator().manual_seed(3)).targets
    back = quaternions.conjugate(before.targets.quaternion)
    moved = quaternions.rotate(back, after.translation - before.targets.translation)
    assert moved[:, 1].std() < 0.1 * moved[:, 0].std()


def test_augmentation_is_repeatable_and_random():
    a, b, c = (
        augment(batch(4), INTRINSICS, AugmentationConfig(), torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(a.images, b.images) or a.targets.translation.shape == b.targets.translation.shape
    torch.manual_seed(0)
    fixed = batch(4)
    d, e, f = (
        augment(fixed, INTRINSICS, AugmentationConfig(), torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(d.images, e.images)
    assert not torch.equal(d.images, f.images)
    assert not torch.equal(a.images, c.images)


def test_shift_moves_image_labels_and_depth_by_the_same_amount():
    fixed = batch(2)
    labels = torch.zeros(2, H, W, dtype=torch.uint8)
    labels[:, :, 30:] = 1
    image = labels[:, None].float().expand(2, 3, H, W)
    moved = FrameBatch(image, replace(fixed.targets, labels=labels, depth=labels.float() + 1.0))
    config = AugmentationConfig(viewpoint=0.0, light=0.0, relight=0.0, narrow=0.0, erase=0.0, shift=3, alone=0.0)
    after = augment(moved, INTRINSICS, config, torch.Generator().manual_seed(1))
    known = after.targets.labels != 255
    assert known.float().mean() > 0.8
    assert torch.equal(after.images[:, 0][known], after.targets.labels[known].float())
    assert torch.equal(after.targets.depth[known], after.targets.labels[known].float() + 1.0)
    assert not torch.equal(after.images, image)


def test_single_frames_are_their_own_previous_ones():
    config = AugmentationConfig(viewpoint=0.0, light=0.0, relight=0.0, narrow=0.0, erase=0.0, shift=0, alone=1.0)
    after = augment(batch(4), INTRINSICS, config, torch.Generator()).targets
    assert torch.equal(after.previous, torch.arange(4))
    assert not after.pair.any()


def test_some_pairs_are_shown_by_a_narrower_lens():
    config = AugmentationConfig(viewpoint=0.0, light=0.0, relight=0.0, narrow=0.5, erase=0.0, shift=0, alone=0.0)
    before = batch(32)
    assert before.targets.labels is not None
    after = augment(before, INTRINSICS, config, torch.Generator().manual_seed(0))
    seen = after.targets.labels == before.targets.labels
    narrowed = ~seen.flatten(1).all(1)
    assert narrowed.view(-1, 2).all(1).eq(narrowed.view(-1, 2).any(1)).all()  # both frames of a pair
    assert 4 <= narrowed.sum() <= 28
    for image, old, inside in zip(after.images, before.images, seen, strict=True):
        torch.testing.assert_close(image[:, inside], old[:, inside])
        outside = image[:, ~inside]
        torch.testing.assert_close(outside, old[:, inside].mean(1, keepdim=True).expand_as(outside))


def test_patches_are_erased_in_some_images():
    config = AugmentationConfig(viewpoint=0.0, light=0.0, relight=0.0, narrow=0.0, erase=0.5, shift=0, alone=0.0)
    before = batch(64)
    after = augment(before, INTRINSICS, config, torch.Generator().manual_seed(0))
    changed = ((after.images - before.images).abs() > 1e-5).any(1).float().mean((1, 2))
    assert 0.3 < (changed > 0).float().mean() < 0.7
    assert changed.max() < 0.5


def test_a_mirrored_pair_moves_as_its_mirror_image():
    before = batch(4)
    config = AugmentationConfig(
        viewpoint=0.0, light=0.0, relight=0.0, narrow=0.0, erase=0.0, shift=0, alone=0.0, mirror=1.0
    )
    after = augment(before, INTRINSICS, config, torch.Generator())
    torch.testing.assert_close(after.images, before.images.flip(-1))
    assert torch.equal(after.targets.labels, before.targets.labels.flip(-1))
    _, x, q = relative_targets(before.targets)
    _, mirrored_x, mirrored_q = relative_targets(after.targets)
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    torch.testing.assert_close(mirrored_x, x @ mirror)
    turned = mirror @ quaternions.to_matrix(q) @ mirror
    torch.testing.assert_close(quaternions.to_matrix(mirrored_q), turned, atol=1e-5, rtol=0)
