"""Baseline of localization by structure: SIFT, keyframes triangulated in pairs, PnP with RANSAC.

It uses no prior: every image is matched against the keyframes with the nearest thumbnails.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_common.geometry import se3
from localization_common.keyframes.features import root_sift

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Pairs = npt.NDArray[np.int64]

FEATURES = 1_500
#: Number of keyframes that an image is matched against.
RETRIEVED = 10
#: Partners of a keyframe for triangulation: largest number, distances in metres, largest turn.
PARTNERS, BASELINE, TURNED = 6, (0.06, 0.5), float(np.radians(35.0))
#: Largest ratio of the descriptor distances of the best and the second match.
RATIO = 0.8
#: Largest errors in pixels of a triangulated point and of an inlier.
TRIANGULATED, INLIER = 3.0, 4.0
#: Smallest and largest depth of a point, metres.
DEPTH = (0.2, 8.0)
ITERATIONS, FEWEST = 2_000, 8


@dataclass(frozen=True)
class _View:
    """Pixels (F, 2), descriptors (F, 128) and thumbnail (576,) of an image."""

    pixels: Array
    descriptors: npt.NDArray[np.float32]
    thumbnail: npt.NDArray[np.float32]


class SiftPnp:
    """Localizes single images.

    Args:
        sequences: frames with poses of one camera without distortion.
        keyframes: approximate number of keyframes, evenly spaced.
    """

    def __init__(self, sequences: Many[Sequence], keyframes: int) -> None:
        self._matrix = sequences[0].camera.matrix
        self._sift = cv2.SIFT_create(FEATURES)  # type: ignore[attr-defined]  # OpenCV's own types lack it
        self._matcher = cv2.BFMatcher(cv2.NORM_L2)
        frames = [(s, position) for s in sequences for position in range(len(s))]
        chosen = frames[:: max(1, len(frames) // keyframes)]
        views = [self._view(s.read_image(position)) for s, position in chosen]
        points = self._triangulate(views, np.stack([s.map_T_camera[position] for s, position in chosen]))
        finite = [np.isfinite(p[:, 0]) for p in points]
        self._points = [p[k] for p, k in zip(points, finite, strict=True)]
        self._descriptors = [view.descriptors[k] for view, k in zip(views, finite, strict=True)]
        self._thumbnails = np.stack([view.thumbnail for view in views])

    @property
    def megabytes(self) -> float:
        """Size of the map in MB: points and descriptors as float32, thumbnails as bytes."""
        points = sum(map(len, self._points))
        return (points * 4 * (3 + 128) + self._thumbnails.size) / 1e6

    def locate(self, image: Image) -> Array | None:
        """Compute map_T_camera (4, 4) of an image (H, W, 3) uint8 RGB; None if too few points agree."""
        view = self._view(image)
        near = np.argsort(((self._thumbnails - view.thumbnail) ** 2).sum(axis=1))[:RETRIEVED]
        found = [(k, self._match(view.descriptors, self._descriptors[k])) for k in near]
        points = np.concatenate([self._points[k][pairs[:, 1]] for k, pairs in found])
        pixels = np.concatenate([view.pixels[pairs[:, 0]] for _, pairs in found])
        if len(points) < FEWEST:
            return None
        solved, turn, shift, inliers = cv2.solvePnPRansac(
            points,
            pixels,
            self._matrix,
            None,
            iterationsCount=ITERATIONS,
            reprojectionError=INLIER,
            flags=cv2.SOLVEPNP_EPNP,
        )
        if not solved or inliers is None or len(inliers) < FEWEST:
            return None
        rows = inliers[:, 0]
        turn, shift = cv2.solvePnPRefineLM(points[rows], pixels[rows], self._matrix, None, turn, shift)
        camera_T_map = np.eye(4)
        camera_T_map[:3, :3], camera_T_map[:3, 3] = cv2.Rodrigues(turn)[0], shift[:, 0]
        return np.asarray(se3.inverse(camera_T_map))

    def _view(self, image: Image) -> _View:
        keypoints, descriptors = self._sift.detectAndCompute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None)
        if descriptors is None:
            descriptors = np.empty((0, 128), dtype=np.float32)
        pixels = np.array([point.pt for point in keypoints], dtype=np.float64).reshape(-1, 2)
        return _View(pixels, root_sift(descriptors), cv2.resize(image, (16, 12)).astype(np.float32).ravel())

    def _match(self, first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> Pairs:
        """Rows (M, 2) of descriptors that match better than the second candidate."""
        if len(first) == 0 or len(second) < 2:
            return np.empty((0, 2), dtype=np.int64)
        pairs = [
            (best.queryIdx, best.trainIdx)
            for best, next_best in self._matcher.knnMatch(first, second, k=2)
            if best.distance < RATIO * next_best.distance
        ]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)

    def _triangulate(self, views: Many[_View], poses: Array) -> list[Array]:
        """Triangulate points (F, 3) of each view's features, the mean over its partners; NaN without a match."""
        projections, points = self._matrix @ se3.inverse(poses)[:, :3], []
        for k, view in enumerate(views):
            total, count = np.zeros((len(view.pixels), 3)), np.zeros(len(view.pixels))
            for other in _partners(poses, k):
                pairs = self._match(view.descriptors, views[other].descriptors)
                if len(pairs) < FEWEST:
                    continue
                pixels = view.pixels[pairs[:, 0]], views[other].pixels[pairs[:, 1]]
                matrices = projections[k], projections[other]
                homogeneous = cv2.triangulatePoints(*matrices, pixels[0].T, pixels[1].T)
                found = (homogeneous[:3] / homogeneous[3]).T
                good = np.all([_fits(m, found, p) for m, p in zip(matrices, pixels, strict=True)], axis=0)
                np.add.at(total, pairs[good, 0], found[good])
                np.add.at(count, pairs[good, 0], 1)
            points.append(np.divide(total, count[:, None], out=np.full_like(total, np.nan), where=count[:, None] > 0))
        return points


def _partners(poses: Array, k: int) -> npt.NDArray[np.int64]:
    """Find the nearest keyframes with a baseline and a similar direction."""
    metres = np.linalg.norm(poses[:, :3, 3] - poses[k, :3, 3], axis=1)
    turned = se3.rotation_angle(poses[:, :3, :3].transpose(0, 2, 1) @ poses[k, :3, :3])
    fit = (metres > BASELINE[0]) & (metres < BASELINE[1]) & (turned < TURNED)
    order = np.argsort(metres)
    return order[fit[order]][:PARTNERS]


def _fits(projection: Array, points: Array, pixels: Array) -> npt.NDArray[np.bool_]:
    """Mask of the points (M, 3) that are seen at these pixels (M, 2) with an allowed depth."""
    seen = points @ projection[:, :3].T + projection[:, 3]
    error = np.linalg.norm(seen[:, :2] / seen[:, 2:] - pixels, axis=1)
    return (error < TRIANGULATED) & (seen[:, 2] > DEPTH[0]) & (seen[:, 2] < DEPTH[1])
