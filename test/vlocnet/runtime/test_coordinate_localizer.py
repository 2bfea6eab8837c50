"""Localizer of a network with scene coordinates: whose pose it publishes, and what it does without one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_networks import HEIGHT, WIDTH, make_config

from localization_common.camera import Camera
from localization_common.geometry import se3
from localization_common.refinement.refiner import Guess
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.scene_coordinates import STRIDE, cell_rays
from vlocnet_ros.network.vlocnetpp import Prediction, VLocNet
from vlocnet_ros.runtime.checkpoint import Description, Residuals
from vlocnet_ros.runtime.estimate import Health
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.refining_localizer import guesses_of

SECOND = 1_000_000_000
CAMERA = Camera.from_field_of_view(WIDTH, HEIGHT, 90.0)
BOTH = Tasks(odometry=False, segmentation=False, depth=False, coordinates=True)
ALONE = Tasks(pose=False, odometry=False, segmentation=False, depth=False, coordinates=True)


class KnownScene:
    """Backend whose scene coordinates are those of a robot that moves along x, two metres before a rough wall.

    Attributes:
        blind: whether the points are false.
        regresses: whether there is a regressed pose, too: always the same.
    """

    network: VLocNet | None = None
    motion_prior, name = None, "known scene"

    def __init__(self, *, regresses: bool) -> None:
        self.blind, self.regresses, self._frames = False, regresses, 0

    def true_pose(self, frame: int) -> np.ndarray:
        pose = np.eye(4)
        pose[:3, :3] = se3.BODY_T_OPTICAL[:3, :3]
        pose[0, 3] = 0.1 * frame
        return pose

    def step(self, image: np.ndarray, previous: object, labels: bool) -> tuple[object, Prediction]:
        intrinsics = torch.tensor([CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy], dtype=torch.float64)
        rays = cell_rays(HEIGHT, WIDTH, intrinsics).numpy()
        random, pose = np.random.default_rng(self._frames), self.true_pose(self._frames)
        points = pose[:3, 3] + (rays * random.uniform(1.0, 3.0, (len(rays), 1))) @ pose[:3, :3].T
        if self.blind:
            points = random.uniform(-2.0, 2.0, points.shape)
        self._frames += 1
        cells = np.concatenate([points, np.full((len(points), 1), -1.0)], axis=1).T
        coordinates = torch.from_numpy(cells.reshape(1, 4, HEIGHT // STRIDE, WIDTH // STRIDE)).float()
        regressed = (torch.tensor([[9.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
        pose_parts = regressed if self.regresses else (None, None)
        features = torch.ones(1, 16) if self.regresses else None
        return 0, Prediction(*pose_parts, None, None, None, None, None, features, coordinates)


def localizer_of(scene: KnownScene) -> Localizer:
    config = make_config(tasks=BOTH if scene.regresses else ALONE)
    made = Localizer(Description(config, CAMERA, (), Residuals(), {}), scene, fuse=False)
    made.set_camera(CAMERA)
    return made


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.mark.parametrize("regresses", [True, False], ids=["with regression", "alone"])
def test_the_pose_comes_from_the_coordinates(regresses):
    scene = KnownScene(regresses=regresses)
    localizer = localizer_of(scene)
    for frame in range(3):
        estimate = localizer.step(picture(frame), (1 + frame) * SECOND // 10)
        np.testing.assert_allclose(estimate.map_T_camera, scene.true_pose(frame), atol=1e-3)
        assert estimate.solved is not None
        assert estimate.solved.share == 1.0
        np.testing.assert_array_equal(estimate.error_features, estimate.solved.evidence)


def test_without_agreement_the_regressed_pose_is_used_and_counts_as_uncertain():
    scene = KnownScene(regresses=True)
    localizer = localizer_of(scene)
    solved = localizer.step(picture(0), SECOND)
    scene.blind = True
    regressed = localizer.step(picture(1), SECOND + SECOND // 10)
    assert regressed.solved is None
    assert regressed.map_T_camera[0, 3] == 9.0
    assert (regressed.error_features[:2] > solved.error_features[:2] + 1.0).all()


def test_without_agreement_and_without_regression_no_pose_is_published():
    scene = KnownScene(regresses=False)
    localizer = localizer_of(scene)
    before = localizer.step(picture(0), SECOND)
    scene.blind = True
    estimate = localizer.step(picture(1), SECOND + SECOND // 10)
    assert before.health.published
    assert estimate.health is Health.SKIPPED
    assert "scene coordinates" in estimate.reason
    scene.blind = False
    assert localizer.step(picture(2), SECOND + SECOND // 5).health.published


def test_the_solved_pose_is_a_guess_for_the_refinement():
    scene = KnownScene(regresses=True)
    localizer = localizer_of(scene)
    estimate = localizer.step(picture(0), SECOND)
    guesses: tuple[Guess, ...] = guesses_of(estimate)
    np.testing.assert_allclose(guesses[-1].map_T_camera, scene.true_pose(0), atol=1e-3)
    scene.blind = True
    assert len(guesses_of(localizer.step(picture(1), SECOND + 1))) == len(guesses) - 1
