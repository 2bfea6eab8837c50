"""Choice of keyframes: the sharpest frame of each stretch of motion."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Width in pixels of the images in which sharpness is measured: noise of single pixels counts less.
_WIDTH = 160


def sharpness(image: npt.NDArray[np.uint8]) -> float:
    """Measure the sharpness of an image (H, W, 3): variance of the Laplacian over the variance of brightness.

    Motion blur and a lens out of focus lower it; contrast and brightness do not change it.
    """
    scale = _WIDTH / image.shape[1]
    size = (_WIDTH, max(1, round(scale * image.shape[0])))
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var() / max(float(grey.var()), 1.0))


def motion_progress(odom_T_base: Array, *, metres: float, radians: float) -> Array:
    """Progress (N,) along a drive in units of keyframe distances, from its odometry (N, 4, 4)."""
    step = se3.inverse(odom_T_base[:-1]) @ odom_T_base[1:]
    moved = np.linalg.norm(step[:, :3, 3], axis=1) / metres
    turned = se3.rotation_angle(step[:, :3, :3]) / radians
    return np.concatenate([[0.0], np.cumsum(np.hypot(moved, turned))])


def sharpest_of_stretches(progress: Array, sharp: Array) -> Indices:
    """Choose one frame for each unit of progress (N,): the one with the largest sharpness (N,).

    Frames of a robot that stands still are one stretch. The first and the last frame's stretches are covered, too.
    """
    stretch = np.floor(progress).astype(np.int64)
    order = np.lexsort((-sharp, stretch))
    first = np.r_[True, np.diff(stretch[order]) > 0]
    return np.sort(order[first]).astype(np.int64)
