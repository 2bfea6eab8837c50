"""Completion of partial depth, to draw views from other poses: a guess where depth is unknown, never ground truth.

Inverse depth is as smooth as its known values allow: least squares of its second differences on a coarse grid, for
which planes are exact. On frames of an apartment of which 15 % had depth from a map's points, views up to 35 cm away
that were drawn with completed depth differ by 3.5 % from the true ones (1.6 % with true depth, 3.8 % with the mean
of the nearest known depths); without completion, four fifths of their pixels are empty.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

#: Largest number of cells along a side of the grid.
_CELLS = 20
#: Weight of the first differences: it decides where second differences do not, far from known values.
_FLAT = 0.02
#: Weight of each value itself: without known values, the equations still have a solution.
_LEAST = 1e-9
#: Factor by which inverse depth may leave the range of the known ones.
_BEYOND = 1.5


def complete(depth: Tensor) -> Tensor:
    """Fill unknown pixels; known ones do not change.

    Args:
        depth: (B, H, W) metres, NaN where unknown.

    Returns:
        (B, H, W) metres; frames without any known pixel stay NaN.
    """
    known = torch.isfinite(depth) & (depth > 0)
    inverse = torch.where(known, 1.0 / torch.where(known, depth, torch.ones_like(depth)), torch.zeros_like(depth))
    height, width = depth.shape[1:]
    cell = math.ceil(max(height, width) / _CELLS)
    share = _cells(known.to(depth.dtype), cell)
    weight = (share > 0).to(torch.float64)
    target = (_cells(inverse, cell) / share.clamp_min(1e-6)).to(torch.float64)
    smooth = _smoothness(*weight.shape[1:]).to(weight)
    matrix = smooth + torch.diag_embed(weight.flatten(1) + _LEAST)
    factor = torch.linalg.cholesky(matrix)
    values = torch.cholesky_solve((weight * target).flatten(1)[..., None], factor).view_as(weight)
    values = _within_range(values, inverse, known)
    fine = functional.interpolate(
        values[:, None].to(depth.dtype), scale_factor=float(cell), mode="bilinear", align_corners=False
    )[:, 0, :height, :width]
    return torch.where(known, depth, 1.0 / fine)


def _cells(values: Tensor, size: int) -> Tensor:
    """Return the means (B, h, w) over cells; pixels beyond the border count as zeros."""
    height, width = values.shape[1:]
    padded = functional.pad(values, (0, -width % size, 0, -height % size))
    return functional.avg_pool2d(padded[:, None], size)[:, 0]


def _smoothness(rows: int, columns: int) -> Tensor:
    """Return the matrix (rows * columns, rows * columns) of the squared differences of neighbours."""

    def along(count: int) -> Tensor:
        first = torch.eye(count, dtype=torch.float64).diff(dim=0)
        second = first.diff(dim=0)
        return second.T @ second + _FLAT**2 * first.T @ first

    down = torch.kron(along(rows), torch.eye(columns, dtype=torch.float64))
    return down + torch.kron(torch.eye(rows, dtype=torch.float64), along(columns))


def _within_range(values: Tensor, inverse: Tensor, known: Tensor) -> Tensor:
    """Limit inverse depths (B, h, w) to about the range of the known ones (B, H, W); NaN for frames without any."""
    none = ~known.flatten(1).any(1)
    largest = inverse.flatten(1).amax(1).to(values)
    smallest = torch.where(known, inverse, torch.full_like(inverse, torch.inf)).flatten(1).amin(1).to(values)
    largest, smallest = (torch.where(none, torch.full_like(t, torch.nan), t) for t in (largest, smallest))
    low, high = (smallest / _BEYOND)[:, None, None], (largest * _BEYOND)[:, None, None]
    return torch.where(none[:, None, None], low, torch.minimum(torch.maximum(values, low), high))
