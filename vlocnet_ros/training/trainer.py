"""Lightning trainer: devices, precision, logs, validation, and files of the run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import lightning
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from localization_common.errors import ConfigError
from localization_common.training.precision import chosen_precision
from localization_common.training.progress_lines import ProgressLines
from vlocnet_ros.runtime.checkpoint import load_vlocnet, save_vlocnet
from vlocnet_ros.training.augmentation import FrameBatch
from vlocnet_ros.training.batches import gather
from vlocnet_ros.training.config import TrainConfig
from vlocnet_ros.training.data import TrainingData
from vlocnet_ros.training.module import VLocNetTrainingModule
from vlocnet_ros.training.outcome import TrainingOutcome, copy_of_weights, restore_worse_tasks
from vlocnet_ros.training.run_files import KeepBest, KeepState
from vlocnet_ros.training.training_frames import TrainingFrames

T = TypeVar("T")


class _Items(Dataset[T]):
    """Data set of the items of a sequence."""

    def __init__(self, items: Sequence[T]) -> None:
        self._items = items

    def __getitem__(self, index: int) -> T:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)


def process_rank() -> int:
    """Return the rank of this process among those that Lightning or torchrun started, one for each device."""
    return int(getattr(rank_zero_only, "rank", 0))


def run_directory(config: TrainConfig) -> Path:
    """Return the directory with the state and the logs of this run."""
    return config.runs / config.run_name


def state_file(config: TrainConfig) -> Path:
    """Return the file with the state of an unfinished run; it exists from the first validation until the end."""
    return run_directory(config) / "last.ckpt"


def fit(
    config: TrainConfig,
    module: VLocNetTrainingModule,
    data: TrainingData,
    earlier: Mapping[str, Tensor] | None = None,
) -> tuple[lightning.Trainer, TrainingOutcome]:
    """Train; the module's network ends with the weights of the best validation, or the last ones without validation.

    Weights that were copied from checkpoints are validated before the first step, too. Tasks that are worse after the
    training get them back where that helps, see `outcome.restore_worse_tasks`.

    Args:
        config: options of the training.
        module: network, batches and loss.
        data: frames.
        earlier: weights of the network to compare with; by default those at the start.

    Raises:
        ConfigError: the state of a run to resume does not exist.
    """
    directory, state = run_directory(config), state_file(config)
    if config.resume and not state.is_file():
        raise ConfigError(f"resume: {state} does not exist; there is no interrupted run of this output")

    def save(path: Path) -> None:
        save_vlocnet(path, module.network, camera=data.frames.camera, class_names=data.frames.class_names)

    start = copy_of_weights(module.network)
    best = KeepBest(directory / "best.safetensors", save, config.patience)
    trainer = _trainer(config, [KeepState(state), best], validate_start=bool(module.taken) and not config.resume)
    if trainer.is_global_zero and not config.resume:
        state.unlink(missing_ok=True)  # left by an earlier run
    # The loader only counts steps: see VLocNetTrainingModule.on_before_batch_transfer.
    counter = DataLoader(_Items(range(config.validate_every)), batch_size=None)
    checks: DataLoader[FrameBatch] | None = None
    if data.validation is not None:
        checks = DataLoader(_Items(_validation_batches(config, data.validation)), batch_size=None)
    # The state of a run is read without unpickling code.
    trainer.fit(module, counter, checks, ckpt_path=str(state) if config.resume else None, weights_only=True)
    steps = module.global_step
    if not best.exists:
        return trainer, TrainingOutcome({}, {}, steps, steps)

    def validate(weights: Mapping[str, Tensor]) -> dict[str, float]:
        module.network.load_state_dict(weights)
        trainer.validate(module, checks, verbose=False)
        return module.validated

    before = best.start if earlier is None else validate(earlier)
    trainer.strategy.barrier()  # the first process writes the file
    trained = load_vlocnet(best.path).network.state_dict()
    weights, after, restored = restore_worse_tasks(trained, earlier or start, before, best.best, validate)
    module.network.load_state_dict(weights)
    return trainer, TrainingOutcome(before, after, best.step, steps, restored)


def _trainer(config: TrainConfig, callbacks: list[Any], *, validate_start: bool) -> lightning.Trainer:
    devices, machines = _processes(config)
    callbacks = [*callbacks, TQDMProgressBar(refresh_rate=10) if config.progress_bar else ProgressLines()]
    return lightning.Trainer(
        accelerator=config.accelerator,
        devices=devices,
        num_nodes=machines,
        # In steps that train a part of the network, the other parameters have no gradients.
        strategy=DDPStrategy(find_unused_parameters=True) if devices * machines > 1 else "auto",
        precision=chosen_precision(config.precision, config.accelerator),
        max_epochs=-1,
        max_steps=-1 if config.optimizer.steps is None else config.optimizer.steps,
        callbacks=callbacks,
        logger=TensorBoardLogger(config.runs, name=config.run_name, version=""),
        num_sanity_val_steps=-1 if validate_start else 0,
        enable_progress_bar=config.progress_bar,
        enable_model_summary=False,
        use_distributed_sampler=False,
        log_every_n_steps=20,
    )


def _processes(config: TrainConfig) -> tuple[int, int]:
    """Return the number of devices on this machine and the number of machines, those of torchrun if it is used."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return config.devices, 1
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    return here, int(os.environ["WORLD_SIZE"]) // here


def _validation_batches(config: TrainConfig, frames: TrainingFrames) -> list[FrameBatch]:
    """Return batches of pairs, in the directions of time that training uses."""
    pairs, half = frames.pairs[:: max(1, len(frames.pairs) // 150)], config.batch // 2
    previous = torch.arange(2 * len(pairs))
    previous = previous & ~1 if config.clip else previous ^ 1
    return [
        gather(frames, pairs[i : i + half].flatten(), previous=previous[: 2 * len(pairs[i : i + half])])
        for i in range(0, len(pairs), half)
    ]
