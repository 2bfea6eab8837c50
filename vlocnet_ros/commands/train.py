"""`vlocnet_train`: train VLocNet++, or a system that it is compared with, on recorded sequences."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from collections.abc import Sequence as Collection
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import lightning
import torch

from localization_common.command_line import command, options_of
from localization_common.datasets.sequence import Sequence
from localization_common.files.outputs import require_writable_file
from localization_common.place import Place
from localization_common.place.choice import open_if_given
from localization_common.training.allocator import keep_freed_memory
from vlocnet_ros.commands.evaluate import table
from vlocnet_ros.commands.place_network import measure, require_comparable, writing_if_better
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import Checkpoint, Residuals, load_vlocnet, save_vlocnet
from vlocnet_ros.training.batches import RandomBatches, StepMixture
from vlocnet_ros.training.checkpoint_card import describe, write_card
from vlocnet_ros.training.config import TrainConfig, restricted_to_system
from vlocnet_ros.training.data import TrainingData
from vlocnet_ros.training.module import VLocNetTrainingModule
from vlocnet_ros.training.neighbour_pairs import fill_database
from vlocnet_ros.training.odometry_bias import calibrate_odometry
from vlocnet_ros.training.start import first_of_combination, starting_network
from vlocnet_ros.training.trainer import fit, process_rank, run_directory, state_file


def main() -> None:
    """Entry point of `vlocnet_train`."""
    with command("vlocnet_train"):
        train(options_of(TrainConfig, __doc__))


def train(
    config: TrainConfig, data: TrainingData | None = None, *, about: Mapping[str, Any] = MappingProxyType({})
) -> Checkpoint:
    """Train, validate, write checkpoint and card; return the checkpoint that was written.

    Args:
        config: options of the training.
        data: frames, for trainings that share them; by default they are read according to the options.
        about: additional entries of the card.
    """
    prepare_torch(config)
    config = restricted_to_system(config)
    place = open_if_given(config.recording.place)
    require_writable_file(config.output)
    data = TrainingData.read(config) if data is None else data
    require_comparable(config.output, place, data.held_out)
    card = describe(config, data.frames) | dict(about)
    module = training_module(config, data, rank=process_rank())
    earlier = first_of_combination(config, data)
    trainer, outcome = fit(config, module, data, earlier)
    written = trained_file(config)
    if trainer.is_global_zero:
        print("weights", "\n".join(outcome.lines()))
        card |= {"minutes": round(module.trained_seconds / 60.0, 1), "steps": outcome.steps, "outcome": outcome.card()}
        written = publish(config, module.network, data, card, place)
        state_file(config).unlink(missing_ok=True)
    # The other processes wait for the file.
    return load_vlocnet(Path(trainer.strategy.broadcast(str(written))))


def prepare_torch(config: TrainConfig) -> None:
    """Set the seed, the precision and the number of threads of this process."""
    keep_freed_memory()
    lightning.seed_everything(config.seed)
    torch.set_float32_matmul_precision("high")
    if config.threads > 0:
        torch.set_num_threads(config.threads)


def trained_file(config: TrainConfig) -> Path:
    """Return the path of a trained network that is not put into its place."""
    return run_directory(config) / "trained.safetensors"


def publish(
    config: TrainConfig, network: VLocNet, data: TrainingData, card: dict[str, Any], place: Place | None
) -> Path:
    """Calibrate and measure a trained network, and write it with its card; return the path of the checkpoint.

    Args:
        config: options of the training.
        network: trained network.
        data: frames.
        card: entries of the card, to which the numbers are added.
        place: place, opened before the training, so that one that was built anew meanwhile is noticed.
    """
    card["numbers"], residuals = _calibrated(config, network, data)
    camera, names = data.frames.camera, data.frames.class_names
    given = (config.output, place, card["numbers"], data.held_out)
    with writing_if_better(*given, max_frame_gap=config.max_frame_gap, otherwise=trained_file(config)) as written:
        save_vlocnet(written, network, camera=camera, class_names=names, residuals=residuals, card=card)
        write_card(written, card)
    return written


def training_module(config: TrainConfig, data: TrainingData, rank: int = 0) -> VLocNetTrainingModule:
    """Build network, batches and loss of the process with this rank."""
    network, taken = starting_network(config, data)
    batches = RandomBatches(
        data.frames,
        size=config.batch,
        seed=config.seed,
        rank=rank,
        mixture=_possible(config.mixture, network.config),
        paired=network.config.paired or (network.config.tasks.depth and data.lacks_depth),
        clip=config.clip,
    )
    return VLocNetTrainingModule(
        network,
        batches,
        config.optimizer,
        config.augmentation,
        seed=config.seed,
        taken=taken,
        freeze=config.freeze,
        keep_statistics=config.keep_statistics,
    )


def _calibrated(config: TrainConfig, network: VLocNet, data: TrainingData) -> tuple[dict[str, Any], Residuals]:
    """Calibrate the network and measure it as it will be stored; return scores and residuals."""
    camera, names = data.frames.camera, data.frames.class_names
    fill_database(network, data.frames)
    calibrate_odometry(network, data.frames, forward=config.clip > 0)
    with tempfile.TemporaryDirectory() as directory:
        unmeasured = Path(directory) / "unmeasured.safetensors"
        save_vlocnet(unmeasured, network, camera=camera, class_names=names)
        return _measure(unmeasured, data.held_out, config.max_frame_gap)


def _possible(mixture: StepMixture, model: VLocNetConfig) -> StepMixture:
    """Return the mixture without kinds of steps that train none of the streams of this structure."""
    tasks = model.tasks
    pose = mixture.pose if tasks.global_pose else 0
    pairs = mixture.pairs if model.paired else 0
    return replace(mixture, pose=pose, pairs=pairs, all=mixture.all if tasks.encoder or not pose + pairs else 0)


def _measure(file: Path, held_out: Collection[Sequence], max_frame_gap: int) -> tuple[dict[str, Any], Residuals]:
    """Return scores and residuals of a checkpoint on the validation sequences, frame by frame as on a robot."""
    if not held_out:
        print("no validation sequences: the checkpoint's covariances are placeholders")
        return {}, Residuals()
    numbers, residuals = measure(file, held_out, max_frame_gap)
    print(table(numbers))
    return numbers, residuals


if __name__ == "__main__":
    main()
