"""Training of scene coordinates, and of a place with them: poses are solved from what was learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vlocnet_ros.commands.evaluate import evaluate
from vlocnet_ros.commands.train import train
from vlocnet_ros.commands.train_schedule import ScheduleConfig, run
from vlocnet_ros.config import Tasks
from vlocnet_ros.runtime.checkpoint import load_vlocnet
from vlocnet_ros.training import data
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.optimizer import OptimizerConfig
from vlocnet_ros.training.stages import SMALL_PLACE_SCHEDULE


@pytest.fixture
def config(tmp_path, wall_sequence, monkeypatch) -> TrainConfig:
    monkeypatch.setattr(data, "open_sequences", lambda *_, **__: [wall_sequence])
    return TrainConfig(
        train=(Path("wall"),),
        output=tmp_path / "a.safetensors",
        system="dsacpp",
        width=96,
        height=64,
        batch=8,
        hold_out=0.0,
        optimizer=OptimizerConfig(steps=300, warmup=10, learning_rate=2e-3),
        augmentation=AugmentationConfig(viewpoint=0.0, shift=0, light=0.0, erase=0.0),
        progress_bar=False,
        precision="32-true",
        accelerator="cpu",
        threads=1,
        runs=tmp_path,
    )


@pytest.mark.parametrize("depth", [True, False], ids=["with depth", "without depth"])
def test_poses_are_solved_from_learned_coordinates(config, wall_sequence, monkeypatch, depth):
    """Overfit to eight pictures of a wall. Without depth, its distance follows from the motion between them."""
    seen = wall_sequence if depth else replace(wall_sequence, read_depth=None)
    monkeypatch.setattr(data, "open_sequences", lambda *_, **__: [seen])
    checkpoint = train(config)
    assert checkpoint.config.tasks == Tasks(False, False, False, False, coordinates=True)
    found = evaluate(config.output, [wall_sequence]).numbers["pose"]
    assert found["median_m"] < (0.1 if depth else 0.3)
    assert found["median_deg"] < 5.0


@pytest.mark.filterwarnings("ignore")
def test_a_place_is_trained_in_stages(config, wall_sequence):
    common = replace(config, system="vlocnetpp_scene", validate=(Path("wall"),), validate_every=10)
    shares = {"adapt": 0.1, "coordinates": 0.8, "together": 0.1}  # steps on cells take the least time
    schedule = [replace(stage, share=shares[stage.name]) for stage in SMALL_PLACE_SCHEDULE]
    written = run(ScheduleConfig(common, minutes=None, steps=200), schedule)
    assert written is not None
    assert written.config.tasks == Tasks(pose=False, coordinates=True)
    assert written.card["stage"] == "together"
    # The features that the coordinates are trained on stay until all streams are trained together.
    adapted, on_cells = (load_vlocnet(common.runs / "a" / f"{n}.safetensors").network for n in ("adapt", "coordinates"))
    for module in ("trunk", "segmentation", "depth"):
        after = getattr(on_cells, module).state_dict()
        assert all(torch.equal(t, after[name]) for name, t in getattr(adapted, module).state_dict().items()), module
    found = evaluate(common.output, [wall_sequence]).numbers["pose"]
    assert found["median_m"] < 0.2
