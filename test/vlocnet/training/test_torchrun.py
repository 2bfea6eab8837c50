"""Training in several processes of torchrun, here two on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lightning
import torch

from localization_common.datasets.rosbag2_writer import write_sequence
from vlocnet_ros.commands.train import training_module
from vlocnet_ros.runtime.checkpoint import load_vlocnet
from vlocnet_ros.training.augmentation import augment
from vlocnet_ros.training.batches import StepMixture, generator_for
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.data import TrainingData
from vlocnet_ros.training.optimizer import OptimizerConfig, set_learning_rate

REPOSITORY = Path(__file__).resolve().parents[3]


def test_two_processes_average_their_gradients_and_one_of_them_writes(tmp_path, wall_sequence):
    write_sequence(wall_sequence, tmp_path / "wall")
    output, runs = tmp_path / "two.safetensors", tmp_path / "runs"
    words = [
        "--standalone",
        "--local-addr",  # the host's name may not resolve
        "127.0.0.1",
        "--nproc-per-node",
        "2",
        "-m",
        "vlocnet_ros.commands.train",
        "--train",
        str(tmp_path / "wall"),
    ]
    words += ["--output", str(output), "--runs", str(runs), "--exclude", "6-7", "--width", "64", "--height", "48"]
    words += ["--optimizer.minutes", "None", "--optimizer.steps", "1", "--optimizer.warmup", "1", "--batch", "4"]
    words += ["--accelerator", "cpu", "--precision", "32-true", "--threads", "1", "--no-progress-bar"]
    words += ["--mixture.pose", "0", "--mixture.pairs", "0", "--mixture.all", "1"]
    words += ["--optimizer.algorithm", "adamw"]  # Muon scales rounding errors as much as gradients
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", *words]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("ms each") == 1  # one of them has measured the written checkpoint
    config = TrainConfig(
        train=(tmp_path / "wall",),
        output=output,
        exclude="6-7",
        width=64,
        height=48,
        optimizer=OptimizerConfig(algorithm="adamw", steps=1, warmup=1),
        batch=4,
        mixture=StepMixture(0, 0, 1),
    )
    expected, single = one_step(config, ranks=(0, 1)), one_step(config, ranks=(0,))
    found = dict(load_vlocnet(output).network.named_parameters())
    assert agreement(found, expected) > 0.999
    assert agreement(found, single) < 0.95


def one_step(config: TrainConfig, ranks: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Return the weights after one step with the mean of the processes' gradients."""
    data = TrainingData.read(config)
    gradients: dict[str, torch.Tensor] = {}
    for rank in ranks:
        lightning.seed_everything(config.seed)
        module = training_module(config, data, rank)
        batch = augment(module.batches(0), module.network.intrinsics, config.augmentation, generator_for(2000, 0, rank))
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator_for(1000, 0, rank)).item()))
        module.loss(module(batch), batch.targets, module._smoothing())[0].backward()
        for name, parameter in module.named_parameters():
            if parameter.grad is not None:
                gradients[name] = gradients.get(name, torch.zeros_like(parameter)) + parameter.grad / len(ranks)
    for name, parameter in module.named_parameters():
        parameter.grad = gradients.get(name)
    optimizer = module.configure_optimizers()
    set_learning_rate(optimizer, config.optimizer, step=0, progress=0.0)
    optimizer.step()
    return {name: p.detach() for name, p in module.network.named_parameters()}


def agreement(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """Return the share of equal stored weights."""
    same = [(found[name] - expected[name].half().float()).abs() < 2e-4 + 1e-3 * found[name].abs() for name in expected]
    return torch.cat([s.flatten() for s in same]).float().mean().item()
