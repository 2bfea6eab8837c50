"""Depth images from the points of a keyframe map."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.map_depth.interpolation import interpolate
from localization_common.map_depth.seen_points import PointFinder, SeenPoints

Array = npt.NDArray[np.float64]
Depth = npt.NDArray[np.float32]

#: Largest number of columns in which depth is interpolated; larger images repeat their values.
_COLUMNS = 320


class MapDepth:
    """Depth images of one camera from the points of a map.

    Args:
        keyframe_map: map of the points.
        camera: camera of the images.

    Raises:
        CameraError: the camera has less than half the detail of the map's images.

    Example:
        >>> depth = MapDepth(keyframe_map, camera)  # doctest: +SKIP
        >>> metres = depth(image, map_T_camera)  # doctest: +SKIP
    """

    def __init__(self, keyframe_map: KeyframeMap, camera: Camera) -> None:
        self._camera, self._find = camera, PointFinder(keyframe_map, camera)
        self._step = math.ceil(camera.width / _COLUMNS)
        self._shape = (math.ceil(camera.height / self._step), math.ceil(camera.width / self._step))
        middle = (self._step - 1) / 2.0
        u, v = np.meshgrid(*(self._step * np.arange(n) + middle for n in reversed(self._shape)))
        self._rays = camera.rays(np.stack([u.ravel(), v.ravel()], axis=1))

    def __call__(self, image: npt.NDArray[np.uint8], map_T_camera: Array) -> Depth:
        """Return depth (H, W) along the optical axis, metres: at points that the image shows, and between them.

        Args:
            image: (H, W, 3) uint8 RGB.
            map_T_camera: (4, 4) pose in the frame of the map's given poses.

        Returns:
            NaN where no surface through points is known.
        """
        points = self._find(image, map_T_camera)
        depth = interpolate(points, self._rays).reshape(self._shape).astype(np.float32)
        self._draw(points, depth)
        if self._step > 1:
            size = (self._step * self._shape[1], self._step * self._shape[0])
            depth = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST)
        return np.ascontiguousarray(depth[: self._camera.height, : self._camera.width])

    def _draw(self, points: SeenPoints, depth: Depth) -> None:
        """Set the points' own pixels, where depth was not interpolated."""
        order = np.argsort(-points.depth)  # the nearest point of a pixel last
        cells = np.floor((self._camera.project(points.rays[order]) + 0.5) / self._step).astype(np.int64)
        column, row = np.clip(cells, 0, (self._shape[1] - 1, self._shape[0] - 1)).T
        empty = np.isnan(depth[row, column])
        depth[row[empty], column[empty]] = points.depth[order][empty]
