"""Baselines for pose regression."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from localization_common.camera import Camera
from localization_common.datasets import Sequence
from localization_common.metrics.nearest_frames import nearest_training_pose, thumbnail_nearest_neighbour


def sequence(images: list[np.ndarray], start: int) -> Sequence:
    poses = np.tile(np.eye(4), (len(images), 1, 1))
    poses[:, 0, 3] = start + np.arange(len(images))
    numbers = np.arange(len(images))
    return Sequence("made", Camera(64, 48, 60, 60, 32, 24), numbers, numbers * 10, poses, lambda i: images[i])


def pictures(seed: int, count: int) -> list[np.ndarray]:
    coarse = np.random.default_rng(seed).integers(20, 180, (count, 6, 8, 3), dtype=np.uint8)
    return [np.kron(image, np.ones((8, 8, 1), np.uint8)) for image in coarse]


def test_a_thumbnail_finds_its_picture_at_any_exposure_and_with_noise() -> None:
    first, second = pictures(0, 5), pictures(1, 4)
    rng = np.random.default_rng(2)
    changed = []
    for image in (first[3], second[0], second[2]):
        brighter = 1.3 * image + 10 + rng.normal(0, 8, image.shape)
        changed.append(np.clip(brighter, 0, 255).astype(np.uint8))
    poses = thumbnail_nearest_neighbour([sequence(first, 0), sequence(second, 100)], sequence(changed, 0))
    assert poses[:, 0, 3].tolist() == [3, 100, 102]


def test_the_oracle_weighs_distance_against_angle() -> None:
    def pose(x: float, degrees: float) -> np.ndarray:
        result = np.eye(4)
        result[:3, :3] = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
        result[0, 3] = x
        return result

    train = np.stack([pose(0.0, 20.0), pose(0.3, 0.0), pose(5.0, 0.0)])
    test = np.stack([pose(0.0, 0.0), pose(0.0, 8.0)])
    # 20 degrees count 0.4 m, more than 0.3 m; for the second, 12 degrees (0.24) beat 0.3 m and 8 degrees (0.46).
    np.testing.assert_array_equal(nearest_training_pose(train, test), train[[1, 0]])
    np.testing.assert_array_equal(nearest_training_pose(train, test, metres_per_degree=0.0), train[[0, 0]])
