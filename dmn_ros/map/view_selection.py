"""Which views of a large map one image is compared with: those that the belief's particles would read."""

from __future__ import annotations

import torch
from torch import Tensor

from dmn_ros.network import egocentric


def select_views(view_poses: Tensor, draws: Tensor, *, nearest: int, reach: float, most: int) -> Tensor:
    """Indices (n,) of at most so many views, in the order of the map.

    Every draw's nearest view is taken before any draw's second nearest, and earlier draws come before later ones. A
    brute search is what is fast here: a hundred draws against ten thousand views are one product of a few milliseconds.

    Args:
        view_poses: (N, 3). draws: (D, 3) poses that stand for the belief, any unit.
        nearest: views that each draw would read.
        reach: see `egocentric.nearest_views`, in the poses' unit.
        most: bound on the views.
    """
    count = min(nearest, len(view_poses))
    chosen = egocentric.nearest_views(view_poses, draws, count, reach, in_order=True).T.flatten()
    return chosen[_is_first(chosen)][:most].sort().values


def sum_of_new(wanted: Tensor, known: Tensor) -> Tensor:
    """How many different views that are not yet known (M,) are needed by each entry (L,) of a list and those before."""
    return (_is_first(wanted) & ~torch.isin(wanted, known)).cumsum(0)


def _is_first(values: Tensor) -> Tensor:
    """Whether each entry (L,) is the first of its value."""
    unique, inverse = torch.unique(values, return_inverse=True)
    places = torch.arange(len(values), device=values.device)
    first = torch.full_like(unique, len(values)).scatter_reduce_(0, inverse, places, "amin")
    return first[inverse] == places
