"""``dmn_train_worlds``: train one system of the DMN paper's tables on worlds, with early stopping."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, cast

import lightning
import torch
import tyro
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from torch.utils.data import DataLoader, Dataset

from dmn_ros.network.systems import SYSTEMS, SystemName, parameter_count
from dmn_ros.runtime.checkpoint import load_world_network, save_world_network
from dmn_ros.worlds.world_config import WorldTrainingConfig
from dmn_ros.worlds.world_data import TrainingWorlds, WorldBatch
from dmn_ros.worlds.world_training import WorldTraining
from localization_common.command_line import command, options_of
from localization_common.datasets.open_worlds import open_worlds
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import CheckpointError
from localization_common.files.configuration import to_dict
from localization_common.files.outputs import require_writable_file
from localization_common.training.allocator import keep_freed_memory

_VALIDATION_BATCHES = 16


@dataclass(frozen=True)
class TrainWorldsCommand:
    """Train one system of the DMN paper's tables, or of its ablations, on worlds.

    Attributes:
        worlds: directory of training worlds, such as build/worlds/rooms/train.
        validate: directory of worlds for the validation loss, which stops the training and chooses the best weights.
        output: checkpoint to write.
        system: row of the tables.
        training: objective and numbers of the training; `WorldTrainingConfig.paper` has those of the paper.
        initial: checkpoint with the initial weights, of the same system, or of projection_compass for
            projection_likeness; None starts with random ones.
        limit: number of worlds to train on, the first ones.
        minutes: largest duration, minutes; the learning rate falls with the steps, not with the time.
        runs: directory of the run: last.ckpt to resume from, and best.ckpt.
        resume: resume from last.ckpt of the run's directory, if it exists.
        rates: learning rates to compare, in place of the training: each in a short training.
        rate_steps: steps of each short training; the learning rate falls to its end over these.
        accelerator, devices, precision: options of Lightning; several GPUs train with DDP.
        workers: number of processes that draw batches; 0 draws them in the main process.
        threads: number of threads of torch.
        progress_bar: show a progress bar.
    """

    worlds: Annotated[Path, tyro.conf.Positional]
    validate: Annotated[Path, tyro.conf.arg(aliases=["--validation"])]
    output: Path = Path("build/dmn_worlds.safetensors")
    system: SystemName = "view_embedding"
    training: WorldTrainingConfig = field(default_factory=WorldTrainingConfig)
    initial: Path | None = None
    limit: int | None = None
    minutes: float = math.inf
    runs: Annotated[Path, tyro.conf.arg(aliases=["--logs"])] = Path("build/dmn_worlds_training")
    resume: bool = False
    rates: tuple[float, ...] = ()
    rate_steps: int = 600
    accelerator: str = "auto"
    devices: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    workers: int = 0
    threads: int = 1
    progress_bar: Annotated[bool, tyro.conf.arg(aliases=["--progress"])] = True


def train(arguments: TrainWorldsCommand) -> WorldTraining:
    """Train by the arguments; return the module with the best weights, which are written to the output.

    Raises:
        DatasetError: there are no worlds, or too few views for contexts and trajectories.
        CheckpointError: the checkpoint to resume from has another configuration, or the initial one another system.
    """
    keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    config = arguments.training
    lightning.seed_everything(config.seed, verbose=False)
    worlds, held = open_worlds(arguments.worlds, limit=arguments.limit), open_worlds(arguments.validate)
    height, width = worlds.images.shape[2:4]
    structure = SYSTEMS[arguments.system].structure(int(width), int(height), panoramic=worlds.panoramic)
    module = WorldTraining(structure, config)
    begun = _begin(module, arguments)
    last = arguments.runs / "last.ckpt"
    resumed = arguments.resume and last.is_file()
    trainer = _trainer(arguments)
    first = _step_of(last, module) if resumed else 0
    regression = module.mapping.algorithm == "regression"
    batches = TrainingWorlds(worlds, config, regression=regression, first=first, rank=trainer.global_rank)
    trainer.fit(
        module,
        DataLoader(batches, batch_size=None, num_workers=arguments.workers),
        DataLoader(cast(Dataset[WorldBatch], _validation(held, config, regression)), batch_size=None),
        ckpt_path=str(last) if resumed else None,
        weights_only=True,
    )
    checkpoints = trainer.checkpoint_callback
    assert isinstance(checkpoints, ModelCheckpoint)
    if best := checkpoints.best_model_path:  # empty if there was no validation
        module.load_state_dict(torch.load(best, weights_only=True, map_location="cpu")["state_dict"])
    if trainer.is_global_zero:
        _write(arguments, module, trainer, len(worlds), begun)
    return module


def compare_rates(arguments: TrainWorldsCommand) -> dict[float, float]:
    """Compute and print the lowest validation loss of a training of `rate_steps` for each learning rate.

    A sweep of the training loss within one run (Smith 2017) finds the rates that diverge, not the best one after a
    decay. The checkpoints stay in rate_* of the run's directory.
    """
    losses = {}
    for rate in arguments.rates:
        runs, steps = arguments.runs / f"rate_{rate:g}", arguments.rate_steps
        numbers = replace(
            arguments.training, learning_rate=rate, steps=steps, evaluate_every=max(1, steps // 4), patience=steps
        )
        short = replace(arguments, training=numbers, runs=runs, output=runs / "short.safetensors", resume=False)
        train(short)
        loss = load_world_network(short.output)[2]["validation_loss"]
        losses[rate] = math.inf if loss is None else float(loss)  # None if it was not finite
    for rate, loss in losses.items():
        print(f"learning rate {rate:g}: validation loss {loss:.4f}")
    print(f"best: --training.learning-rate {min(losses, key=lambda rate: _or_infinite(losses[rate])):g}")
    return losses


def _or_infinite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _trainer(arguments: TrainWorldsCommand) -> lightning.Trainer:
    config, runs = arguments.training, arguments.runs
    return lightning.Trainer(
        accelerator=arguments.accelerator,
        devices=arguments.devices,
        # the bias of view keys has no gradient: it is the same for all views of a softmax
        strategy="auto" if arguments.devices == 1 else "ddp_find_unused_parameters_true",
        precision=arguments.precision,
        max_epochs=-1,
        max_steps=config.steps,
        max_time=None if math.isinf(arguments.minutes) else timedelta(minutes=arguments.minutes),
        gradient_clip_val=config.gradient_clip,
        val_check_interval=config.evaluate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=50,
        enable_progress_bar=arguments.progress_bar,
        enable_model_summary=False,
        logger=False,
        callbacks=[
            EarlyStopping("validation_loss", patience=config.patience),
            ModelCheckpoint(runs, filename="best", monitor="validation_loss", enable_version_counter=False),
            # a separate callback: save_last writes only when the best is written
            ModelCheckpoint(runs, filename="last", enable_version_counter=False),
            *([TQDMProgressBar(refresh_rate=20)] if arguments.progress_bar else []),
        ],
    )


def _validation(worlds: WorldSet, config: WorldTrainingConfig, regression: bool) -> list[WorldBatch]:
    """Draw the batches of the validation, the same every time, without changes of light or symmetry."""
    plain = replace(config, mirror=0.0, recolour=0.0, relight=False)
    return list(islice(TrainingWorlds(worlds, plain, regression=regression), _VALIDATION_BATCHES))


def _step_of(path: Path, module: WorldTraining) -> int:
    """Number of steps of a checkpoint that fits the module."""
    state = torch.load(path, weights_only=True, map_location="cpu")
    expected = {name: value.shape for name, value in module.state_dict().items()}
    if {name: value.shape for name, value in state["state_dict"].items()} != expected:
        raise CheckpointError(f"{path}: of another system; give another --runs, or start without --resume")
    if state["training"] != to_dict(module.config):
        raise CheckpointError(f"{path}: trained with other numbers; give another --runs, or start without --resume")
    return int(state["global_step"])


def _begin(module: WorldTraining, arguments: TrainWorldsCommand) -> str | None:
    """Load the initial weights, if any; return their name and their training."""
    if arguments.initial is None:
        return None
    network, mapping, card = load_world_network(arguments.initial)
    likeness = mapping.network.likeness or module.mapping.network.likeness  # a new one adds nothing before its training
    if replace(mapping, network=replace(mapping.network, likeness=likeness)) != module.mapping:
        size = f"{module.mapping.network.image_width} x {module.mapping.network.image_height} pixels"
        raise CheckpointError(f"{arguments.initial}: no {arguments.system} for images of {size}")
    module.network.load_state_dict(network.state_dict(), strict=False)
    return f"{arguments.initial.name} ({card['steps']} steps, {card['minutes']} minutes)"


def _write(
    arguments: TrainWorldsCommand, module: WorldTraining, trainer: lightning.Trainer, trained: int, begun: str | None
) -> None:
    monitored = trainer.early_stopping_callback
    card = {
        "system": arguments.system,
        "initial": begun,
        "data": f"{trained} worlds of {'/'.join(arguments.worlds.parts[-2:])}",
        "training": to_dict(arguments.training),
        "parameters": parameter_count(module.mapping),
        "steps": trainer.global_step,
        "minutes": round(module.minutes, 2),
        "validation_loss": float(monitored.best_score) if monitored is not None else math.nan,
        "stopped_early": bool(monitored is not None and monitored.wait_count >= monitored.patience),
    }
    save_world_network(arguments.output, module.network, module.mapping, card)
    print(f"{arguments.output}: {card}")


def main() -> None:
    """Run the command line."""
    with command("dmn_train_worlds"):
        arguments = options_of(TrainWorldsCommand)
        require_writable_file(arguments.output)
        if arguments.rates:
            compare_rates(arguments)
        else:
            train(arguments)


if __name__ == "__main__":
    main()
