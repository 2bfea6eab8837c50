"""Lines of text that show the progress of a training."""

from __future__ import annotations

import re
from pathlib import Path

from localization_common.training.progress_lines import ProgressLines
from vlocnet_ros.commands.train import train
from vlocnet_ros.training import data, trainer
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.optimizer import OptimizerConfig


def test_a_training_without_a_bar_prints_lines_that_end_with_all_done(wall_sequence, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "open_sequences", lambda *_, **__: [wall_sequence])
    monkeypatch.setattr(trainer, "ProgressLines", lambda: ProgressLines(every=0.0))
    config = TrainConfig(
        train=(Path("wall"),),
        output=tmp_path / "a.safetensors",
        system="posenet",
        width=64,
        height=48,
        batch=4,
        hold_out=0.0,
        optimizer=OptimizerConfig(steps=4, warmup=1),
        augmentation=AugmentationConfig(viewpoint=0.0),
        progress_bar=False,
        precision="32-true",
        accelerator="cpu",
        runs=tmp_path,
    )
    train(config)
    line = re.compile(
        r"^ *\d+\.\d min, (\d+)% done, (\d+) min left: step (\d+), \d+\.\d steps/s, loss -?\d+\.\d\d$", re.M
    )
    found = line.findall(capsys.readouterr().out)
    assert [(share, step) for share, _, step in found] == [("25", "1"), ("50", "2"), ("75", "3"), ("100", "4")]
    assert found[-1][1] == "0"
