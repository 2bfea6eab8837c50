"""Tiles of pairs of particle and view."""

from __future__ import annotations

import pytest
import torch

from dmn_ros.network.tiles import by_view

A, Q, NEAREST = 2, 2, 3


@pytest.mark.parametrize("gathered", [False, True], ids=["evenly", "gathered"])
def test_pairs_come_in_tiles_of_one_view_and_back(gathered: bool) -> None:
    torch.manual_seed(0)
    chosen, views = torch.arange(NEAREST * A * Q * 500).remainder(5).view(A, Q, 500, NEAREST), 5
    if gathered:
        likely = torch.cat([torch.rand(A, Q, 900, 2), torch.rand(A, Q, 900, 18) - 0.9], dim=-1)
        chosen, views = likely.topk(NEAREST).indices, 20
    tiles = by_view(chosen, views)
    flat = torch.arange(chosen.numel())
    assert torch.equal(tiles.pairs.flatten()[tiles.slots.flatten()], flat)
    a, q, _, _ = torch.unravel_index(flat, chosen.shape)
    read = torch.stack(torch.unravel_index(tiles.read[tiles.slots.flatten() // tiles.pairs.shape[1]], (A, Q, views)))
    assert torch.equal(read, torch.stack([a, q, chosen.flatten()]))
    assert tiles.pairs.numel() < 1.25 * len(flat)  # void entries are few
    assert len(tiles.read) < len(flat) / 32  # and so are tiles


def test_a_view_of_one_reader_has_a_small_tile() -> None:
    tiles = by_view(torch.tensor([[[[7], [1]]]]), 10)
    assert tiles.read.tolist() == [1, 7]
    assert tiles.pairs.shape == (2, 16)
    assert tiles.pairs[:, 0].tolist() == [1, 0]
