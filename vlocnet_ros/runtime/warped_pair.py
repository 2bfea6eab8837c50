"""Normal equations of the grey-value residuals of two frames that are warped onto each other."""

from __future__ import annotations

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
        height, width = current.picture.shape[1:]
        size = np.array([width, height], dtype=np.float32)
        self._half_focal = 0.5 * camera.focal[:, None]
        # from x / z, y / z to -1..1 from border to border
        self._scale = (2.0 * camera.focal / size)[:, None]
        self._shift = ((2.0 * camera.centre + 1.0) / size - 1.0)[:, None]
        self._border = (1.0 - 1.0 / size)[:, None]
        self._offset: Array | None = None

    def equations(self, motion: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the normal equations of the residuals at a motion, without a common offset (exposure).

        The weights are those of the offset of the call before; the first call begins with the mean.

        Args:
            motion: (4, 4) pose of the current camera in the previous frame.

        Returns:
            Matrix (6, 6) and gradient (6,) for a motion applied on the left.
        """
        jacobian, residual, weight = self.linearise(motion)
        rows = np.concatenate([jacobian, residual[:, None], np.ones_like(residual)[:, None]], axis=1)
        products = ((rows * weight[:, None]) @ rows.transpose(0, 2, 1)).astype(np.float64)
        # The offset is an unknown of each warp, eliminated (Schur complement).
        last = products[:, 7] / np.maximum(products[:, 7, 7], 1e-6)[:, None]
        self._offset = last[:, 6:7].astype(np.float32)
        reduced = (products[:, :6, :7] - products[:, :6, 7:] * last[:, None, :7]).sum(0)
        return reduced[:, :6], reduced[:, 6]

    def linearise(self, motion: npt.NDArray[np.float64]) -> tuple[Array, Array, Array]:
        """Linearise the residuals at a motion: Jacobian (2, 6, N), residuals (2, N) and weights (2, N)."""
        rotation, translation = motion[:3, :3], motion[:3, 3]
        turns = np.stack([rotation, rotation.T]).astype(np.float32)
        shifts = np.stack([translation, -rotation.T @ translation]).astype(np.float32)
        moved = turns @ self._points + shifts[:, :, None]
        depth = moved[:, 2:]
        nearness = 1.0 / np.maximum(depth, NEAR)
        grid = moved[:, :2] * nearness * self._scale + self._shift
        there = self._sampled(grid)
        seen = ((np.abs(grid) < self._border).all(1) & (depth[:, 0] > NEAR)) * self._usable
        residual = there[:, 0] - self._own[:, 0]
        offset = self._offset
        if offset is None:
            offset = (residual * seen).sum(1, keepdims=True) / np.maximum(seen.sum(1, keepdims=True), 1e-6)
        weight = seen / (RESIDUAL**2 + np.square(residual - offset))
        # the mean of both frames' gradients converges in fewer steps (Malis 2004)
        jacobian = np.empty((2, 6, residual.shape[1]), dtype=np.float32)
        gradient, moment = jacobian[:, :3], jacobian[:, 3:]
        gradient[:, :2] = (there[:, 1:] + self._own[:, 1:]) * self._half_focal * nearness
        gradient[:, 2:] = -(gradient[:, :2] * moved[:, :2]).sum(1, keepdims=True) * nearness
        # In the opposite direction, a motion xi moves a point p by the inverse rotation of -xi at p.
        gradient[1] = -turns[0] @ gradient[1]
        moved[1] = self._points[1]
        _cross(moved, gradient, out=moment)
        return jacobian, residual, weight

    def _sampled(self, grid: Array) -> Array:
        """Interpolate the other frames (2, 3, N) at coordinates (2, 2, N), -1..1; bilinear, the border repeats."""
        points = torch.from_numpy(grid.transpose(0, 2, 1)[:, None])
        return torch.grid_sampler(self._pictures, points, _BILINEAR, _BORDER, False)[:, :, 0].numpy()


def _cross(a: Array, b: Array, out: Array) -> None:
    """Write the cross products of columns (..., 3, N)."""
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        np.multiply(a[..., j, :], b[..., k, :], out=out[..., i, :])
        out[..., i, :] -= a[..., k, :] * b[..., j, :]
