"""``dmn_train_worlds``: trains one system of the DMN paper's tables on worlds, until it stops getting better."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import lightning
import torch
import tyro
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from torch.utils.data import DataLoader

from dmn_ros.network.systems import SYSTEMS, SystemName, parameter_count
from dmn_ros.runtime.checkpoint import load_world_network, save_world_network
from dmn_ros.worlds.world_config import WorldTrainingConfig
from dmn_ros.worlds.world_data import TrainingWorlds
from dmn_ros.worlds.world_training import WorldTraining
from localization_common.datasets.open_worlds import open_worlds
from localization_common.datasets.worlds import WorldSet
from localization_common.errors import CheckpointError, LocalizationError
from localization_common.files.configuration import to_dict
from localization_common.training.allocator import keep_freed_memory

_VALIDATION_BATCHES = 16


@dataclass(frozen=True)
class Arguments:
    """Train one system of the DMN paper's tables, or of its ablations, on worlds.

    Attributes:
        worlds: directory of training worlds, such as build/worlds/rooms/train.
        validate: directory of the worlds by which training is stopped and its best weights are chosen.
        output: checkpoint to write.
        system: row of the tables.
        training: objective and numbers; `WorldTrainingConfig.paper` lists those of the paper.
        initial: checkpoint of the same system, or of projection_compass for projection_likeness, whose weights the
            training begins with; None begins with random ones.
        limit: train on the first so many worlds.
        minutes: stop after so many, whatever is left of the steps; the learning rate falls over the steps all the same.
        runs: directory of the run: last.ckpt to resume from and best.ckpt.
        resume: continue from last.ckpt of the run's directory, if it is there.
        rates: learning rates to compare, in place of the training: each in a whole short training of its own.
        rate_steps: steps of each of these; the rate falls over them as it would over all.
        accelerator, devices, precision: as Lightning names them; several GPUs train with DDP.
        workers: processes that draw batches; 0 draws in this one.
        threads: torch's threads.
        progress_bar: whether to draw a progress bar.
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


def train(arguments: Arguments) -> WorldTraining:
    """Train as the arguments say; the module comes back with the best weights, which were written.

    Raises:
        DatasetError: no worlds, or too few views for contexts and trajectories.
        CheckpointError: what to resume from was trained differently, or what to begin with is of another system.
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
        DataLoader(_validation(held, config, regression), batch_size=None),
        ckpt_path=str(last) if resumed else None,
        weights_only=True,
    )
    best = trainer.checkpoint_callback.best_model_path  # empty where no validation was reached
    if best:
        module.load_state_dict(torch.load(best, weights_only=True, map_location="cpu")["state_dict"])
    if trainer.is_global_zero:
        _write(arguments, module, trainer, len(worlds), begun)
    return module


def compare_rates(arguments: Arguments) -> dict[float, float]:
    """Lowest validation loss by learning rate, each of a training of `rate_steps` from the same start; prints them.

    A sweep of the training loss within one run (Smith 2017) says what diverges, not what is best after a decay. What
    was trained stays in rate_* of the run's directory.
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
        losses[rate] = math.inf if loss is None else float(loss)  # None: it was not finite
    for rate, loss in losses.items():
        print(f"learning rate {rate:g}: validation loss {loss:.4f}")
    print(f"best: --training.learning-rate {min(losses, key=lambda rate: _or_infinite(losses[rate])):g}")
    return losses


def _or_infinite(loss: float) -> float:
    return loss if math.isfinite(loss) else math.inf


def _trainer(arguments: Arguments) -> lightning.Trainer:
    config, runs = arguments.training, arguments.runs
    return lightning.Trainer(
        accelerator=arguments.accelerator,
        devices=arguments.devices,
        # the bias of view keys has no gradient: it is the same for all views of a softmax
        strategy="auto" if arguments.devices == 1 else "ddp_find_unused_parameters_true",
        precision=arguments.precision,
        max_epochs=-1,
        max_steps=config.steps,
        max_time=None if math.isinf(arguments.minutes) else {"seconds": arguments.minutes * 60.0},
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
            # of its own: save_last writes only when the best is written
            ModelCheckpoint(runs, filename="last", enable_version_counter=False),
            *([TQDMProgressBar(refresh_rate=20)] if arguments.progress_bar else []),
        ],
    )


def _validation(worlds: WorldSet, config: WorldTrainingConfig, regression: bool) -> list[Any]:
    """The same batches at every validation, as they are."""
    plain = replace(config, mirror=0.0, recolour=0.0, relight=False)
    return list(islice(TrainingWorlds(worlds, plain, regression=regression), _VALIDATION_BATCHES))


def _step_of(path: Path, module: WorldTraining) -> int:
    """Steps behind a checkpoint that fits the module."""
    state = torch.load(path, weights_only=True, map_location="cpu")
    expected = {name: value.shape for name, value in module.state_dict().items()}
    if {name: value.shape for name, value in state["state_dict"].items()} != expected:
        raise CheckpointError(f"{path}: of another system; give another --runs, or start without --resume")
    if state["training"] != to_dict(module.config):
        raise CheckpointError(f"{path}: trained with other numbers; give another --runs, or start without --resume")
    return int(state["global_step"])


def _begin(module: WorldTraining, arguments: Arguments) -> str | None:
    """Take over the initial weights, if any; says which and what they had been trained."""
    if arguments.initial is None:
        return None
    network, mapping, card = load_world_network(arguments.initial)
    likeness = mapping.network.likeness or module.mapping.network.likeness  # a new one says nothing yet
    if replace(mapping, network=replace(mapping.network, likeness=likeness)) != module.mapping:
        size = f"{module.mapping.network.image_width} x {module.mapping.network.image_height} pixels"
        raise CheckpointError(f"{arguments.initial}: no {arguments.system} for images of {size}")
    module.network.load_state_dict(network.state_dict(), strict=False)
    return f"{arguments.initial.name} ({card['steps']} steps, {card['minutes']} minutes)"


def _write(
    arguments: Arguments, module: WorldTraining, trainer: lightning.Trainer, trained: int, begun: str | None
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
    """Command line."""
    try:
        arguments = tyro.cli(Arguments)
        if arguments.rates:
            compare_rates(arguments)
        else:
            train(arguments)
    except LocalizationError as error:
        sys.exit(f"dmn_train_worlds: {error}")


if __name__ == "__main__":
    main()
