"""Tiles: pairs of particle and view, sorted by the view, so that whole matrices are computed for each view."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

#: Possible sizes of tiles, and the cost of one more tile, in entries: its view is copied, and its product is smaller.
_SIZES, _TILE_COST = (16, 32, 48, 64, 96, 128, 256, 512), 12


class Tiles(NamedTuple):
    """Pairs of particle and view in T tiles of M entries; each tile has one query and one view.

    Attributes:
        pairs: (T, M) positions of the pairs in the flat (A Q K n); void entries repeat some pair.
        read: (T,) query and view of each tile, as positions in the flat (A Q N).
        slots: (A, Q, K, n) positions of the pairs in the flat (T M).
    """

    pairs: Tensor
    read: Tensor
    slots: Tensor


def by_view(chosen: Tensor, views: int) -> Tiles:
    """Sort pairs of particle and view into tiles of one query and one view each.

    Args:
        chosen: (A, Q, K, n) views that each particle reads, all different.
        views: N.
    """
    a, q, k, _ = chosen.shape
    columns = chosen.transpose(2, 3)  # (A, Q, n, K)
    reads = torch.zeros(a, q, views, k, dtype=torch.int32, device=chosen.device).scatter_(2, columns, 1)
    ranks = reads.cumsum(3, dtype=torch.int32)  # rank of each particle among the readers of a view, from 1
    readers = ranks[..., -1].flatten().long()
    size = _tile_size(readers)
    tiles = (readers + size - 1) // size
    first_slot = ((tiles.cumsum(0) - tiles) * size).view(a, q, views, 1)
    slots = (ranks + (first_slot - 1)).gather(2, columns).transpose(2, 3)
    read = torch.arange(len(readers), device=chosen.device).repeat_interleave(tiles)
    pairs = slots.new_zeros(len(read) * size)
    pairs[slots.flatten()] = torch.arange(slots.numel(), device=chosen.device)
    return Tiles(pairs.view(-1, size), read, slots)


def _tile_size(readers: Tensor) -> int:
    """Size of tiles with the least cost: large tiles have many void entries if views have few readers."""
    sizes = torch.tensor(_SIZES, device=readers.device)
    tiles = (readers.unsqueeze(1) + sizes - 1) // sizes
    return _SIZES[int((tiles.sum(0) * (sizes + _TILE_COST)).argmin())]
