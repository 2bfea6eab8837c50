"""Poses from scene coordinates: known answers, false cells, and scenes that give no pose."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from localization_common.camera import Camera
from localization_common.geometry import se3
from vlocnet_ros.network.scene_coordinates import STRIDE, cell_rays
from vlocnet_ros.runtime.scene_pose import ScenePoseSolver

CAMERA = Camera.from_field_of_view(160, 112, 90.0)
ROWS, COLUMNS = CAMERA.height // STRIDE, CAMERA.width // STRIDE
#: Standard deviation of the points, in pixels of the picture.
PIXELS = 0.5


def scene(seed: int, noise: float = PIXELS) -> tuple[np.ndarray, np.ndarray]:
    """Pose and the scene coordinates (4, h, w) of a picture from it: points at 1 to 4 m with errors across the ray."""
    random = np.random.default_rng(seed)
    pose = np.eye(4)
    pose[:3, :3] = se3.nearest_rotation(random.normal(size=(3, 3)))
    pose[:3, 3] = random.uniform(-3.0, 3.0, 3)
    intrinsics = torch.tensor([CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy], dtype=torch.float64)
    rays = cell_rays(CAMERA.height, CAMERA.width, intrinsics).numpy()
    depth = random.uniform(1.0, 4.0, (len(rays), 1))
    sideways = np.pad(random.normal(size=(len(rays), 2)) * noise / CAMERA.fx, ((0, 0), (0, 1)))
    points = pose[:3, 3] + ((rays + sideways) * depth) @ pose[:3, :3].T
    log_error = np.full((len(rays), 1), np.log(noise))
    return pose, np.concatenate([points, log_error], axis=1).T.reshape(4, ROWS, COLUMNS)


def test_rays_are_those_of_the_camera():
    intrinsics = torch.tensor([CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy], dtype=torch.float64)
    middle = (STRIDE - 1) / 2
    pixels = np.array([[u * STRIDE + middle, v * STRIDE + middle] for v in range(ROWS) for u in range(COLUMNS)])
    found = cell_rays(CAMERA.height, CAMERA.width, intrinsics).numpy()
    np.testing.assert_allclose(found[:, :2], CAMERA.rays(pixels), atol=1e-9)


def test_the_pose_is_found_and_its_covariance_is_that_of_its_errors():
    errors = []
    for seed in range(40):
        pose, coordinates = scene(seed)
        solved, reason = ScenePoseSolver(CAMERA).solve(coordinates)
        assert solved is not None, reason
        apart = solved.map_T_camera[:3, 3] - pose[:3, 3]
        errors.append(apart @ np.linalg.solve(solved.covariance[:3, :3], apart))
        assert np.linalg.norm(apart) < 0.02
        assert se3.rotation_angle(solved.map_T_camera[:3, :3].T @ pose[:3, :3]) < 0.01
        assert solved.share > 0.9
    assert 2.0 < np.mean(errors) < 4.5  # chi squared with three degrees of freedom


def test_false_cells_are_outliers():
    pose, coordinates = scene(1)
    random = np.random.default_rng(2)
    false = random.random((ROWS, COLUMNS)) < 0.5
    coordinates[:3, false] = random.uniform(-3.0, 3.0, (3, int(false.sum())))
    solved, reason = ScenePoseSolver(CAMERA).solve(coordinates)
    assert solved is not None, reason
    assert np.linalg.norm(solved.map_T_camera[:3, 3] - pose[:3, 3]) < 0.03
    assert solved.share == pytest.approx(0.5, abs=0.07)


def test_cells_count_by_their_expected_errors():
    """Cells with a common offset pull the pose less, the larger the error is that the network expects of them."""
    pulled = []
    for log_error in (np.log(PIXELS), np.log(4.0 * PIXELS)):
        pose, coordinates = scene(5, noise=0.05)
        coordinates[3] = np.log(PIXELS)
        left = np.arange(COLUMNS) < COLUMNS // 2
        coordinates[:3, :, left] += 0.5 * PIXELS / CAMERA.fx * pose[:3, :1, None]
        coordinates[3, :, left] = log_error
        solved, _ = ScenePoseSolver(CAMERA).solve(coordinates)
        pulled.append(np.linalg.norm(solved.map_T_camera[:3, 3] - pose[:3, 3]))
    assert pulled[1] < 0.3 * pulled[0]


def test_points_without_a_common_pose_give_none():
    random = np.random.default_rng(0)
    coordinates = random.uniform(-3.0, 3.0, (4, ROWS, COLUMNS))
    coordinates[3] = 0.0
    solved, reason = ScenePoseSolver(CAMERA).solve(coordinates)
    assert solved is None
    assert "agree" in reason


def test_one_point_for_all_cells_gives_none():
    solved, reason = ScenePoseSolver(CAMERA).solve(np.ones((4, ROWS, COLUMNS)))
    assert solved is None
    assert reason
