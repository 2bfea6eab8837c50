"""Buffer of cells: what it holds is what the network computes, and what the frames show."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import make_config, randomize_statistics

from vlocnet_ros.config import Tasks
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.training import cell_buffer
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.batches import gather
from vlocnet_ros.training.cell_buffer import copies_of, fill_buffer
from vlocnet_ros.training.coordinate_loss import cells_of
from vlocnet_ros.training.training_frames import TrainingFrames

UNCHANGED = AugmentationConfig(viewpoint=0.0, shift=0, light=0.0, erase=0.0)
COORDINATES = Tasks(pose=False, coordinates=True)


@pytest.fixture
def network() -> VLocNet:
    made = VLocNet(make_config(tasks=COORDINATES, coordinate_channels=8))
    randomize_statistics(made)
    return made


def test_cells_are_those_of_the_images(network: VLocNet, frames: TrainingFrames):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    buffer = fill_buffer(network, frames, UNCHANGED, copies=1, seed=0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    batch = gather(frames, torch.arange(len(frames)))
    with torch.no_grad():
        features = network.coordinate_features(batch.images).flatten(0, 1)
    cells = cells_of(batch.targets, *frames.images.shape[-2:], network.intrinsics)
    assert len(buffer) == int(cells.judged.sum())
    points = cells.points.flatten(0, 1)
    for index in range(0, len(buffer), 7):
        nearest = (points - buffer.cells.points[index]).norm(dim=1)
        same = (nearest < 1e-4) & ((features - buffer.features[index].float()).abs().max(1).values < 5e-2)
        assert same.any()


def test_copies_differ_and_a_seed_gives_the_same(network: VLocNet, frames: TrainingFrames):
    changed = AugmentationConfig(viewpoint=0.0, shift=0, light=0.5, erase=0.0)
    buffers = [fill_buffer(network, frames, changed, copies=2, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(buffers[0].features, buffers[1].features)
    assert not torch.equal(buffers[0].features, buffers[2].features)
    assert len(buffers[0]) == 2 * len(fill_buffer(network, frames, changed, copies=1, seed=0))


def test_the_buffer_does_not_exceed_its_size(network: VLocNet, frames: TrainingFrames, monkeypatch):
    monkeypatch.setattr(cell_buffer, "MOST_CELLS", 100)
    assert 0 < len(fill_buffer(network, frames, UNCHANGED, copies=4, seed=0)) <= 100


@pytest.mark.parametrize(
    ("frames", "minutes", "copies"),
    [(600, None, 16), (100, None, 24), (20_000, None, 4), (600, 1.0, 6)],
    ids=["kitchen", "few", "many", "little time"],
)
def test_the_number_of_copies_follows_from_frames_and_time(frames, minutes, copies):
    assert copies_of(frames, minutes) == copies
