"""Baselines for pose regression that answer with the pose of a training frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3

Array = npt.NDArray[np.float64]


def thumbnail_nearest_neighbour(train: list[Sequence], test: Sequence, *, width: int = 32, height: int = 24) -> Array:
    """Poses (N, 4, 4) of the training frames whose thumbnails are most similar to those of the test frames.

    A thumbnail is the area-averaged RGB image, without its mean and scaled to unit length, so that the scalar product
    of two is their correlation, independent of the exposure.

    Args:
        train: sequences with the possible answers.
        test: frames whose poses are wanted.
        width, height: size of the thumbnails, pixels.
    """
    known = np.concatenate([_thumbnails(sequence, width, height) for sequence in train])
    wanted = _thumbnails(test, width, height)
    poses = np.concatenate([sequence.map_T_camera for sequence in train])
    return poses[np.argmax(wanted @ known.T, axis=1)]


def nearest_training_pose(train: Array, test: Array, *, metres_per_degree: float = 0.02) -> Array:
    """Nearest training poses (N, 4, 4), of (M, 4, 4), to the true test poses (N, 4, 4).

    This is an oracle: it uses the true poses, and measures the distance of the test from the training. The nearest pose
    has the smallest sum of distance and angle.

    Args:
        train, test: poses in one frame.
        metres_per_degree: weight of an angle (0.02: 50 degrees count as a metre); 0 for the position alone, which gives
            smaller distances and larger angles.
    """
    cost = np.linalg.norm(test[:, None, :3, 3] - train[None, :, :3, 3], axis=-1)
    for row, pose in zip(cost, test, strict=True):  # one test pose at a time: all at once would need N x M matrices
        row += metres_per_degree * np.degrees(se3.rotation_angle(pose[:3, :3].T @ train[:, :3, :3]))
    return np.asarray(train[np.argmin(cost, axis=1)])


def _thumbnails(sequence: Sequence, width: int, height: int) -> npt.NDArray[np.float32]:
    """Thumbnails (N, height * width * 3), each row of mean 0 and length 1."""
    rows = np.empty((len(sequence), height * width * 3), dtype=np.float32)
    for position in range(len(sequence)):
        small = cv2.resize(sequence.read_image(position), (width, height), interpolation=cv2.INTER_AREA)
        rows[position] = small.reshape(-1)
    rows -= rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), dtype=np.float32)
