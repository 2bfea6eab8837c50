"""Direct alignment in a scene whose images and depth are given by a formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from planar_scene import HEIGHT, INTRINSICS, WIDTH, View, pose, see
from scipy.spatial.transform import Rotation
from tiny_networks import make_config, randomize_statistics

from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.alignment import DirectAlignment, WarpedPair, solve
from vlocnet_ros.network.pyramid import PyramidLevel, pyramid
from vlocnet_ros.network.vlocnetpp import VLocNet

MOTIONS = (
    ([0.0, 0.0, 0.12], [0.0, 0.0, 0.0]),
    ([0.03, -0.01, 0.05], [1.0, -4.0, 0.5]),
    ([-0.02, 0.02, -0.08], [-0.5, 5.0, 1.0]),
)


class Aligner(DirectAlignment):
    """Direct alignment of complete views in place of their pyramids."""

    def forward(self, current, previous, t, q, intrinsics):
        return super().forward(self.view(*current, intrinsics), self.view(*previous, intrinsics), t, q, intrinsics)


def start(batch: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(batch, 3), torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(batch, 1)


def errors(t: torch.Tensor, q: torch.Tensor, truth: np.ndarray) -> tuple[float, float]:
    turned = Rotation.from_quat(q.double().numpy(), scalar_first=True).inv() * Rotation.from_matrix(truth[:3, :3])
    return float(np.linalg.norm(t.double().numpy() - truth[:3, 3])), float(np.degrees(turned.magnitude()))


def alignment(*iterations: int, prior_std: float = 0.1) -> Aligner:
    module = Aligner(iterations)
    module.prior_std.fill_(prior_std)
    return module


@pytest.mark.parametrize(("translation", "degrees"), MOTIONS)
def test_finds_the_motion_from_none(translation, degrees):
    base = pose([0.1, 0.0, -0.2], [2.0, 3.0, -1.0])
    truth = pose(translation, degrees)
    t, q = alignment(4, 4, 4)(see(base @ truth), see(base), *start(), INTRINSICS)
    metres, angle = errors(t[0], q[0], truth)
    assert metres < 0.002
    assert angle < 0.05


def test_wrong_depths_have_half_the_weight_because_both_frames_are_warped():
    """Change the depth of one frame by a tenth: with that frame alone, translation would have the same error."""
    truth = pose([0.0, 0.0, 0.15], [0.0, 0.0, 0.0])
    current, previous = see(truth), see(np.eye(4))
    for views in (
        (View(current.grey, current.depth * 1.1), previous),
        (current, View(previous.grey, previous.depth * 1.1)),
    ):
        t, _ = alignment(4, 4, 4)(*views, *start(), INTRINSICS)
        assert 1.03 < float(t[0, 2]) / 0.15 < 1.07


def test_exposure_may_change():
    truth = pose(*MOTIONS[1])
    current, previous = see(truth), see(np.eye(4))
    current.grey.add_(0.1)
    for view in (current, previous):
        view.grey[..., 10:40, 50:75] = 0.9  # an object without a change of its grey value
    t, q = alignment(4, 4, 4)(current, previous, *start(), INTRINSICS)
    metres, angle = errors(t[0], q[0], truth)
    assert metres < 0.01
    assert angle < 0.2


def test_every_resolution_sees_the_same_geometry():
    truth = pose([0.0, 0.0, 0.1], [0.0, 2.0, 0.0])
    for tolerance, iterations in ((0.002, (6,)), (0.004, (0, 6)), (0.008, (0, 0, 8))):
        t, q = alignment(*iterations)(see(truth), see(np.eye(4)), *start(), INTRINSICS)
        metres, angle = errors(t[0], q[0], truth)
        assert metres < tolerance
        assert angle < 50 * tolerance


def test_pixels_at_edges_of_depth_are_left_out():
    view = see(np.eye(4))
    view.depth[..., 20:40, 30:50] *= 0.5
    level = pyramid(*view, INTRINSICS, 1)[0]
    fx, fy, cx, cy = INTRINSICS
    u = level.points[:, 0] / level.points[:, 2] * fx + cx
    v = level.points[:, 1] / level.points[:, 2] * fy + cy
    upright = ((u - 29.5).abs().minimum((u - 49.5).abs()) < 1.0) & (v > 19.0) & (v < 40.0)
    flat = ((v - 19.5).abs().minimum((v - 39.5).abs()) < 1.0) & (u > 29.0) & (u < 50.0)
    assert not level.usable[:, 0][upright | flat].any()
    assert level.usable.mean() > 0.95  # other pixels of their blocks replace them
    view.depth[..., ::2] *= 0.5  # edges everywhere
    level = pyramid(*view, INTRINSICS, 1)[0]
    assert (WarpedPair.of(level, level, INTRINSICS, 0).linearise(torch.eye(3, 4)[None], None)[2] == 0.0).all()


def test_jacobian_is_the_derivative_of_the_residuals():
    """Compare with finite differences in double precision, for a motion applied on the left, of both warps."""
    truth = pose(*MOTIONS[1])
    intrinsics = INTRINSICS.double()
    levels = [
        PyramidLevel(*(part.double() for part in pyramid(*view, intrinsics, 1)[0]))
        for view in (see(truth), see(np.eye(4)))
    ]
    scene = WarpedPair.of(*levels, intrinsics, 0)
    at_truth = torch.tensor(truth[:3])[None]
    jacobian, _, weight, _ = scene.linearise(at_truth, None)
    step = 1e-3
    for axis in range(6):
        moved = []
        for sign in (1.0, -1.0):
            twist = np.zeros(6)
            twist[axis] = sign * step
            matrix = pose(twist[:3], np.degrees(twist[3:])) @ truth
            moved.append(scene.linearise(torch.tensor(matrix[:3])[None], None)[1])
        difference = ((moved[0] - moved[1]) / (2 * step))[:, 0]
        counted = weight[:, 0] > 0.5 * weight.max()
        a, b = jacobian[:, axis][counted], difference[counted]
        # bilinear sampling is not smooth: single pixels differ, their sum agrees
        assert float((a * b).sum() / a.square().sum()) == pytest.approx(1.0, abs=0.05)
        assert float((a - b).square().mean() / b.square().mean()) < 0.05


def test_solves_six_equations_as_numpy_does():
    random = np.random.default_rng(0)
    rows = random.normal(size=(32, 40, 6)) * [1.0, 1.0, 1.0, 30.0, 30.0, 30.0]
    matrix, right = rows.transpose(0, 2, 1) @ rows, random.normal(size=(32, 6, 1))
    exact = np.linalg.solve(matrix, right)
    found = solve(torch.tensor(matrix, dtype=torch.float32), torch.tensor(right, dtype=torch.float32)).numpy()
    assert np.abs((found - exact) / np.abs(exact).max(axis=1, keepdims=True)).max() < 1e-4
    np.testing.assert_allclose(solve(torch.tensor(matrix), torch.tensor(right)).numpy(), exact, rtol=1e-9, atol=0)


def test_the_prior_determines_motions_that_the_image_does_not():
    """Use vertical stripes on a wall straight ahead, which do not show motions up and down."""
    u = torch.arange(WIDTH, dtype=torch.float32).expand(1, 1, HEIGHT, WIDTH)
    depth = torch.full((1, 1, HEIGHT, WIDTH), 2.0)
    stripes = [View(0.5 + 0.2 * torch.sin(0.3 * (u + shift)), depth) for shift in (0.0, 1.0)]
    t0, q0 = torch.tensor([[0.0, 0.03, 0.0]]), start()[1]
    module = alignment(6, 6, 6)
    module.prior_std.copy_(torch.tensor([0.1, 0.1, 0.1, 1e-4, 1e-4, 1e-4]))
    t, _ = module(stripes[1], stripes[0], t0, q0, INTRINSICS)
    # 1 pixel at 2 m and a focal length of 40 pixels, to the right
    torch.testing.assert_close(t, torch.tensor([[0.05, 0.03, 0.0]]), atol=0.003, rtol=0)


def test_the_regressed_motion_is_weighted_by_its_standard_deviation():
    views = see(pose([0.0, 0.0, 0.004], [0.0, 0.0, 0.0])), see(np.eye(4))
    found = [float(alignment(9, prior_std=s)(*views, *start(), INTRINSICS)[0][0, 2]) for s in (1.0, 1e-3, 1e-4)]
    assert found[0] == pytest.approx(0.004, rel=0.05)
    assert 0.0004 < found[1] < 0.0036
    assert 0.0 <= found[2] < 0.0004


def test_moving_objects_have_little_weight():
    truth = pose(*MOTIONS[1])
    current, previous = see(truth), see(np.eye(4))
    for view in (current, previous):
        view.grey[..., 10:40, 50:75] = 0.9  # a seventh of the image moves with the camera
    regressed = torch.tensor(0.7 * truth[:3, 3])[None].float(), torch.tensor([[0.9996, 0.006, -0.025, 0.003]])
    t, q = alignment(4, 4, 4)(current, previous, *regressed, INTRINSICS)
    metres, angle = errors(t[0], q[0], truth)
    assert metres < 0.005
    assert angle < 0.2


def test_an_alignment_that_contradicts_an_accurate_regression_is_rejected():
    t0, q0 = start()
    views = see(pose([0.1, 0.0, 0.1], [0.0, 0.0, 0.0])), see(np.eye(4))
    t, _ = alignment(4, 4, 4, prior_std=0.1)(*views, t0, q0, INTRINSICS)
    assert float(t.norm()) > 0.1
    t, q = alignment(4, 4, 4, prior_std=6e-3)(*views, t0, q0, INTRINSICS)
    assert torch.equal(t, t0)
    assert torch.equal(q, q0)


def test_a_batch_gives_the_results_of_its_members():
    truths = [pose(*m) for m in MOTIONS]
    views, origin = [see(truth) for truth in truths], see(np.eye(4))
    module = alignment(1, 2, 2)
    several = View(*(torch.cat(parts) for parts in zip(*views, strict=True)))
    before = View(*(part.repeat(3, 1, 1, 1) for part in origin))
    t, q = module(several, before, *start(3), INTRINSICS)
    for i, view in enumerate(views):
        ti, qi = module(view, origin, *start(), INTRINSICS)
        torch.testing.assert_close(t[i : i + 1], ti, atol=1e-5, rtol=0)
        torch.testing.assert_close(q[i : i + 1], qi, atol=1e-5, rtol=0)


def test_the_network_aligns_its_regressed_motion_and_trains_without(images):
    network = VLocNet(make_config(alignment=(1, 1)))
    randomize_statistics(network)
    network.eval()
    with torch.no_grad():
        current, previous = network.encode(images[:1]), network.encode(images[1:2])
        regressed = network.motion(current, previous)
        aligned = network.decode(current, previous)
        expected = network.alignment(current.view, previous.view, *regressed, network.intrinsics)
        network.train()
        trained = network.decode(current, previous)
    assert torch.equal(aligned.relative_translation, expected[0])
    assert not torch.equal(aligned.relative_translation, regressed[0])
    assert torch.isfinite(aligned.relative_quaternion).all()
    assert trained.relative_translation.shape == (1, 3)
    assert VLocNet(VLocNetConfig.paper()).alignment is None  # the published network has none
