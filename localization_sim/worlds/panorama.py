"""Equirectangular panoramas, made from six pictures of the faces of a cube."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from localization_sim.worlds.stage import WorldStage
from localization_sim.worlds.view import StageView

Array = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8]

#: Field of view of a face; more than 90 degrees, so that no pixel is interpolated across its border.
FACE_DEGREES = 96.0
_YAWS = np.radians([0.0, 90.0, 180.0, 270.0, 0.0, 0.0])
_PITCHES = np.radians([0.0, 0.0, 0.0, 0.0, 90.0, -90.0])


class PanoramaCamera:
    """Camera for panoramas on a stage: the middle column looks along the yaw, columns to the right clockwise of it.

    Args:
        height: pixels from zenith to nadir; panoramas are twice as wide.
        count: number of panoramas that the stage draws at once.
    """

    def __init__(self, height: int, count: int) -> None:
        self.height = height
        self._side = (height * 5 // 8 + 3) // 4 * 4  # about the same number of pixels for a degree as the panorama
        self.view = StageView(self._side, self._side, 6 * count, FACE_DEGREES, near=0.3, far=300.0)
        self._columns, self._rows = _face_pixels(height, self._side)

    def draw(self, stage: WorldStage, positions: Array, yaws: Array) -> Images:
        """Draw panoramas (N, height, 2 * height, 3).

        Args:
            stage: stage that was made for `view`.
            positions: positions (N, 3) of the camera.
            yaws: directions (N,) of the middle columns, radians.
        """
        headings = (yaws[:, None] + _YAWS).reshape(-1)
        faces = stage.draw(np.repeat(positions, 6, axis=0), headings, np.tile(_PITCHES, len(yaws)))
        strips = faces.reshape(len(yaws), 6 * self._side, self._side, 3)
        return np.stack([cv2.remap(strip, self._columns, self._rows, cv2.INTER_LINEAR) for strip in strips])


def _face_pixels(height: int, side: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Column and row (height, 2 * height) of each pixel of a panorama in the faces, one face above the other."""
    rows, columns = np.mgrid[0:height, 0 : 2 * height] + 0.5
    latitude, longitude = np.pi * (0.5 - rows / height), np.pi * (1.0 - columns / height)
    ray = np.stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=-1
    )
    forward = np.stack([np.cos(_PITCHES) * np.cos(_YAWS), np.cos(_PITCHES) * np.sin(_YAWS), np.sin(_PITCHES)], axis=-1)
    up = np.stack([-np.sin(_PITCHES) * np.cos(_YAWS), -np.sin(_PITCHES) * np.sin(_YAWS), np.cos(_PITCHES)], axis=-1)
    right = np.cross(forward, up)
    face = np.argmax(ray @ forward.T, axis=-1)
    depth = (ray * forward[face]).sum(axis=-1)
    focal = side / 2 / np.tan(np.radians(FACE_DEGREES) / 2)
    u = (side - 1) / 2 + focal * (ray * right[face]).sum(axis=-1) / depth
    v = (side - 1) / 2 - focal * (ray * up[face]).sum(axis=-1) / depth
    return u.astype(np.float32), (v + face * side).astype(np.float32)
