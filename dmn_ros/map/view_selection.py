"""Selection of the views of a large map for one image: those that the particles of the belief read."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dmn_ros.network import egocentric


def select_views(view_poses: Tensor, draws: Tensor, *, nearest: int, reach: float, most: int) -> Tensor:
    """Select the indices (n,) of at most `most` views, in the order of the map.

    The nearest views of all draws are taken before the second nearest ones, and earlier draws come before later ones.
    An exhaustive search is fast here: a hundred draws against ten thousand views are one product of a few milliseconds.

    Args:
        view_poses: (N, 3). draws: (D, 3) poses that represent the belief, in any unit.
        nearest: number of views that each draw reads.
        reach: see `egocentric.nearest_views`, in the poses' unit.
        most: largest number of views.
    """
    count = min(nearest, len(view_poses))
    chosen = egocentric.nearest_views(view_poses, draws, count, reach, in_order=True).T.flatten()
    return chosen[_is_first(chosen)][:most].sort().values


def neighbourhoods(poses: Tensor, size: int) -> tuple[Tensor, ...]:
    """Split poses (K, 3) into groups of at most so many that are near each other: their indices."""
    strips = math.ceil(math.sqrt(len(poses) / size))
    by_x = poses[:, 0].argsort().tensor_split(strips)
    order = torch.cat([strip[poses[strip, 1].argsort()] for strip in by_x])
    return torch.split(order, size)


def sum_of_new(wanted: Tensor, present: Tensor) -> Tensor:
    """Number (L,) of different views, beside the present ones (M,), that each entry of a list and those before need."""
    return (_is_first(wanted) & ~torch.isin(wanted, present)).cumsum(0)


def _is_first(values: Tensor) -> Tensor:
    """Return flags (L,): True for each entry that is the first of its value."""
    unique, inverse = torch.unique(values, return_inverse=True)
    places = torch.arange(len(values), device=values.device)
    first = torch.full_like(unique, len(values)).scatter_reduce_(0, inverse, places, "amin")
    return first[inverse] == places
