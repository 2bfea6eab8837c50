"""Normal equations of the grey-value residuals of two frames that are warped onto each other."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch

from vlocnet_ros.runtime.image_pyramid import LevelCamera, PyramidLevel

Array = npt.NDArray[np.float32]

#: Differences of grey value (0..1) far above this have little weight (Cauchy): occlusion, gloss, moving objects.
RESIDUAL = 0.03
#: Smallest distance in metres from the other image plane at which a point is projected.
NEAR = 0.05
_BILINEAR, _BORDER = 0, 1


class WarpedPair:
    """Two frames at one resolution, each warped onto the other: the first of two is current onto previous.

    Args:
        current, previous: levels of the same resolution with N tracked pixels each.
        camera: camera of this resolution.
    """

    def __init__(self, current: PyramidLevel, previous: PyramidLevel, camera: LevelCamera) -> None:
        self._own = np.stack([current.own, previous.own])
        self._pictures = torch.from_numpy(np.stack([previous.picture, current.picture]))
        self._points = np.stack([current.points, previous.points])
        self._usable = np.stack([current.usable, previous.usable])
        self._focal, self._nearness = float(camera.focal.mean()), float((1.0 / current.points[2]).mean())
        height, width = current.picture.shape[1:]
        size = np.array([width, height], dtype=np.float32)
        self._half_focal = 0.5 * camera.focal[:, None]
        # from x / z, y / z to -1..1 from border to border
        self._scale = (2.0 * camera.focal / size)[:, None]
        self._shift = ((2.0 * camera.centre + 1.0) / size - 1.0)[:, None]
        self._border = (1.0 - 1.0 / size)[:, None]
        self._offset: Array | None = None
        # Jacobian, residual and 1 of each pixel, written anew at each motion
        self._rows = np.ones((2, 8, self._own.shape[2]), dtype=np.float32)

    def pixels(self, step: npt.NDArray[np.float64]) -> float:
        """Return about how many pixels a change of the motion, x y z rX rY rZ (6,), moves the pictures."""
        return self._focal * (math.hypot(*step[3:]) + self._nearness * math.hypot(*step[:3]))

    def equations(self, motion: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the normal equations of the residuals at a motion, without a common offset (exposure).

        The weights are those of the offset of the call before; the first call begins with the mean.

        Args:
            motion: (4, 4) pose of the current camera in the previous frame.

        Returns:
            Matrix (6, 6) and gradient (6,) for a motion applied on the left.
        """
        _, _, weight = self.linearise(motion)
        products = ((self._rows * weight[:, None]) @ self._rows.transpose(0, 2, 1)).astype(np.float64)
        # The offset is an unknown of each warp, eliminated (Schur complement).
        last = products[:, 7] / np.maximum(products[:, 7, 7:], 1e-6)
        self._offset = last[:, 6:7].astype(np.float32)
        reduced = (products[:, :6, :7] - products[:, :6, 7:] * last[:, None, :7]).sum(0)
        return reduced[:, :6], reduced[:, 6]

    def linearise(self, motion: npt.NDArray[np.float64]) -> tuple[Array, Array, Array]:
        """Linearise the residuals at a motion.

        Returns:
            Jacobian (2, 6, N) and residuals (2, N), valid until the next call, and weights (2, N).
        """
        rotation, translation = motion[:3, :3], motion[:3, 3]
        turns, shifts = np.empty((2, 3, 3), dtype=np.float32), np.empty((2, 3, 1), dtype=np.float32)
        turns[0], turns[1] = rotation, rotation.T
        shifts[0, :, 0], shifts[1, :, 0] = translation, -(translation @ rotation)
        moved = turns @ self._points
        moved += shifts
        sideways, depth = moved[:, :2], moved[:, 2:]
        nearness = 1.0 / np.maximum(depth, NEAR)
        grid = sideways * (nearness * self._scale)
        grid += self._shift
        there = self._sampled(grid)
        seen = ((np.abs(grid) < self._border).all(1) & (depth[:, 0] > NEAR)) * self._usable
        gradient, moment, residual = self._rows[:, :3], self._rows[:, 3:6], self._rows[:, 6]
        np.subtract(there[:, 0], self._own[:, 0], out=residual)
        offset = self._offset
        if offset is None:
            offset = (residual * seen).sum(1, keepdims=True) / np.maximum(seen.sum(1, keepdims=True), 1e-6)
        weight = seen / (RESIDUAL**2 + np.square(residual - offset))
        # the mean of both frames' gradients converges in fewer steps (Malis 2004)
        np.multiply(there[:, 1:] + self._own[:, 1:], self._half_focal * nearness, out=gradient[:, :2])
        along = (gradient[:, :2] * sideways).sum(1)
        np.multiply(along, -nearness[:, 0], out=gradient[:, 2])
        # In the opposite direction, a motion xi moves a point p by the inverse rotation of -xi at p.
        gradient[1] = -turns[0] @ gradient[1]
        moved[1] = self._points[1]
        _cross(moved, gradient, out=moment)
        return self._rows[:, :6], residual, weight

    def _sampled(self, grid: Array) -> Array:
        """Interpolate the other frames (2, 3, N) at coordinates (2, 2, N), -1..1; bilinear, the border repeats."""
        points = torch.from_numpy(grid.transpose(0, 2, 1)[:, None])
        return torch.grid_sampler(self._pictures, points, _BILINEAR, _BORDER, False)[:, :, 0].numpy()


def _cross(a: Array, b: Array, out: Array) -> None:
    """Write the cross products of columns (..., 3, N)."""
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        np.multiply(a[..., j, :], b[..., k, :], out=out[..., i, :])
        out[..., i, :] -= a[..., k, :] * b[..., j, :]
