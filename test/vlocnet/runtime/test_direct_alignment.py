"""Direct alignment in a scene whose images and depth are given by a formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from planar_scene import HEIGHT, INTRINSICS, WIDTH, View, pose, see
from scipy.spatial.transform import Rotation
from tiny_networks import make_config

from localization_common.camera import Camera
from localization_common.geometry import se3
from vlocnet_ros.network.vlocnetpp import Prediction
from vlocnet_ros.runtime.checkpoint import Description, Residuals
from vlocnet_ros.runtime.direct_alignment import DirectAlignment
from vlocnet_ros.runtime.image_pyramid import LevelCamera, pyramid
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.warped_pair import WarpedPair

CAMERA = Camera(WIDTH, HEIGHT, *(float(n) for n in INTRINSICS))
MOTIONS = (
    ([0.0, 0.0, 0.12], [0.0, 0.0, 0.0]),
    ([0.03, -0.01, 0.05], [1.0, -4.0, 0.5]),
    ([-0.02, 0.02, -0.08], [-0.5, 5.0, 1.0]),
)


class Aligner(DirectAlignment):
    """Direct alignment of complete views in place of their pyramids."""

    def __init__(self, *iterations: int, prior_std: float | list[float] = 0.1) -> None:
        super().__init__(CAMERA, iterations, np.broadcast_to(prior_std, 6))

    def __call__(self, current: View, previous: View, regressed: np.ndarray | None = None) -> np.ndarray:
        views = (self.view(*arrays(view)) for view in (current, previous))
        return self.align(*views, np.eye(4) if regressed is None else regressed)


def arrays(view: View) -> tuple[np.ndarray, np.ndarray]:
    return view.grey[0, 0].numpy(), view.depth[0, 0].numpy()


def errors(found: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    turned = Rotation.from_matrix(found[:3, :3].T @ truth[:3, :3])
    return float(np.linalg.norm(found[:3, 3] - truth[:3, 3])), float(np.degrees(turned.magnitude()))


@pytest.mark.parametrize(("translation", "degrees"), MOTIONS)
def test_finds_the_motion_from_none(translation, degrees):
    base = pose([0.1, 0.0, -0.2], [2.0, 3.0, -1.0])
    truth = pose(translation, degrees)
    metres, angle = errors(Aligner(4, 4, 4)(see(base @ truth), see(base)), truth)
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
        assert 1.03 < Aligner(4, 4, 4)(*views)[2, 3] / 0.15 < 1.07


def test_exposure_may_change():
    truth = pose(*MOTIONS[1])
    current, previous = see(truth), see(np.eye(4))
    current.grey.add_(0.1)
    for view in (current, previous):
        view.grey[..., 10:40, 50:75] = 0.9  # an object without a change of its grey value
    metres, angle = errors(Aligner(4, 4, 4)(current, previous), truth)
    assert metres < 0.01
    assert angle < 0.2


def test_every_resolution_sees_the_same_geometry():
    truth = pose([0.0, 0.0, 0.1], [0.0, 2.0, 0.0])
    for tolerance, iterations in ((0.002, (6,)), (0.004, (0, 6)), (0.008, (0, 0, 8))):
        metres, angle = errors(Aligner(*iterations)(see(truth), see(np.eye(4))), truth)
        assert metres < tolerance
        assert angle < 50 * tolerance


def test_pixels_at_edges_of_depth_are_left_out():
    view = see(np.eye(4))
    view.depth[..., 20:40, 30:50] *= 0.5
    level = pyramid(*arrays(view), CAMERA, 1)[0]
    u = level.points[0] / level.points[2] * CAMERA.fx + CAMERA.cx
    v = level.points[1] / level.points[2] * CAMERA.fy + CAMERA.cy
    upright = (np.minimum(np.abs(u - 29.5), np.abs(u - 49.5)) < 1.0) & (v > 19.0) & (v < 40.0)
    flat = (np.minimum(np.abs(v - 19.5), np.abs(v - 39.5)) < 1.0) & (u > 29.0) & (u < 50.0)
    assert not level.usable[upright | flat].any()
    assert level.usable.mean() > 0.95  # other pixels of their blocks replace them
    view.depth[..., ::2] *= 0.5  # edges everywhere
    level = pyramid(*arrays(view), CAMERA, 1)[0]
    assert (WarpedPair(level, level, LevelCamera.of(CAMERA, 0)).linearise(np.eye(4))[2] == 0.0).all()


def test_jacobian_is_the_derivative_of_the_residuals():
    """Compare with finite differences, for a motion applied on the left, of both warps."""
    truth = pose(*MOTIONS[1])
    levels = [pyramid(*arrays(view), CAMERA, 1)[0] for view in (see(truth), see(np.eye(4)))]
    scene = WarpedPair(*levels, LevelCamera.of(CAMERA, 0))
    jacobian, _, weight = (array.copy() for array in scene.linearise(truth))
    counted = weight > 0.5 * weight.max()
    step = 1e-3
    for axis in range(6):
        twist = np.zeros(6)
        twist[axis] = step
        forth, back = (pose(sign * twist[:3], np.degrees(sign * twist[3:])) @ truth for sign in (1.0, -1.0))
        difference = (scene.linearise(forth)[1].copy() - scene.linearise(back)[1]) / (2 * step)
        a, b = jacobian[:, axis][counted], difference[counted]
        # bilinear sampling is not smooth: single pixels differ, their sum agrees
        assert (a * b).sum() / np.square(a).sum() == pytest.approx(1.0, abs=0.05)
        assert np.square(a - b).mean() / np.square(b).mean() < 0.05


def test_the_prior_determines_motions_that_the_image_does_not():
    """Use vertical stripes on a wall straight ahead, which do not show motions up and down."""
    u = torch.arange(WIDTH, dtype=torch.float32).expand(1, 1, HEIGHT, WIDTH)
    depth = torch.full((1, 1, HEIGHT, WIDTH), 2.0)
    stripes = [View(0.5 + 0.2 * torch.sin(0.3 * (u + shift)), depth) for shift in (0.0, 1.0)]
    aligner = Aligner(6, 6, 6, prior_std=[0.1, 0.1, 0.1, 1e-4, 1e-4, 1e-4])
    found = aligner(stripes[1], stripes[0], pose([0.0, 0.03, 0.0], [0.0, 0.0, 0.0]))
    # 1 pixel at 2 m and a focal length of 40 pixels, to the right
    np.testing.assert_allclose(found[:3, 3], [0.05, 0.03, 0.0], atol=0.003)


def test_the_regressed_motion_is_weighted_by_its_standard_deviation():
    views = see(pose([0.0, 0.0, 0.004], [0.0, 0.0, 0.0])), see(np.eye(4))
    found = [Aligner(9, prior_std=std)(*views)[2, 3] for std in (1.0, 1e-3, 1e-4)]
    assert found[0] == pytest.approx(0.004, rel=0.05)
    assert 0.0004 < found[1] < 0.0036
    assert 0.0 <= found[2] < 0.0004


def test_moving_objects_have_little_weight():
    truth = pose(*MOTIONS[1])
    current, previous = see(truth), see(np.eye(4))
    for view in (current, previous):
        view.grey[..., 10:40, 50:75] = 0.9  # a seventh of the image moves with the camera
    regressed = se3.from_parts(0.7 * truth[:3, 3], [0.9996, 0.006, -0.025, 0.003])
    metres, angle = errors(Aligner(4, 4, 4)(current, previous, regressed), truth)
    assert metres < 0.005
    assert angle < 0.2


def test_coarse_resolutions_stop_when_the_motion_has_settled(monkeypatch):
    """From the true motion they need a step or two; the full resolution takes all of its steps."""
    sizes = []

    def counted(pair, motion, evaluate=WarpedPair.equations):
        sizes.append(pair._rows.shape[2])
        return evaluate(pair, motion)

    monkeypatch.setattr(WarpedPair, "equations", counted)
    truth = pose(*MOTIONS[1])
    for regressed, least, most in ((truth, 1, 2), (np.eye(4), 3, 20)):
        sizes.clear()
        metres, _ = errors(Aligner(4, 20, 20)(see(truth), see(np.eye(4)), regressed), truth)
        assert metres < 0.002
        coarsest, half, full = (sizes.count(size) for size in dict.fromkeys(sizes))
        assert least <= coarsest <= most
        assert half < 20
        assert full == 4


def test_an_alignment_that_contradicts_an_accurate_regression_is_rejected():
    views = see(pose([0.1, 0.0, 0.1], [0.0, 0.0, 0.0])), see(np.eye(4))
    assert np.linalg.norm(Aligner(4, 4, 4)(*views)[:3, 3]) > 0.1
    assert np.array_equal(Aligner(4, 4, 4, prior_std=6e-3)(*views), np.eye(4))


def test_images_that_give_no_finite_step_keep_the_regressed_motion():
    black, depth = torch.zeros(1, 1, HEIGHT, WIDTH), torch.full((1, 1, HEIGHT, WIDTH), 2.0)
    regressed = pose(*MOTIONS[1])
    np.testing.assert_allclose(Aligner(4, 4, 4)(View(black, depth), View(black, depth), regressed), regressed)
    broken = View(torch.full_like(black, np.nan), depth)
    assert np.array_equal(Aligner(4, 4, 4)(broken, broken, regressed), regressed)


class KnownMotion:
    """Backend whose network sees the planar scene: grey values and depth are right, the motion is not."""

    network, motion_prior, name = None, np.full(6, 0.1), "known motion"

    def __init__(self, poses: list[np.ndarray]) -> None:
        self._views = [see(world_T_camera) for world_T_camera in poses]

    def step(self, image: np.ndarray, previous: object, labels: bool) -> tuple[int, Prediction]:
        view = self._views.pop(0)
        still = torch.zeros(1, 3), torch.tensor([[1.0, 0.0, 0.0, 0.0]])
        return 0, Prediction(*still, *still, None, view.depth, grey=view.grey)


def test_the_localizer_aligns_the_motion_of_the_network():
    """The first frame has no motion; each next one has the true one, though the network regresses none."""
    config = make_config(alignment=(4, 4), width=WIDTH, height=HEIGHT)
    poses = [np.eye(4), pose(*MOTIONS[0]), pose(*MOTIONS[0]) @ pose(*MOTIONS[1])]
    localizer = Localizer(Description(config, CAMERA, (), Residuals(), {}), KnownMotion(poses), fuse=False)
    localizer.set_camera(CAMERA)
    rng = np.random.default_rng(0)
    found = [localizer.step(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8), 10**8 * i) for i in range(1, 4)]
    assert found[0].previous_T_camera is None
    for estimate, motion in zip(found[1:], MOTIONS[:2], strict=True):
        metres, angle = errors(estimate.previous_T_camera, pose(*motion))
        assert metres < 0.005
        assert angle < 0.1
    assert {"align", "network"} <= set(found[1].timings)
