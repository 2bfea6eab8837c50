"""``dmn_train``: train a DMN on drives for a number of minutes and write a checkpoint with its card."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import lightning
import torch
import tyro
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from dmn_ros.commands.build_map import BuildMapCommand, build
from dmn_ros.config import NetworkConfig
from dmn_ros.map.drive_frames import DriveFrames
from dmn_ros.map.map_building import MapOptions
from dmn_ros.network.dmn import DMN
from dmn_ros.runtime.checkpoint import load_network, network_camera, save_network
from dmn_ros.training.checkpoint_card import write_card
from dmn_ros.training.training_config import TrainingConfig
from dmn_ros.training.training_data import TrainingBatches, TrainingPlace, read_drives, read_place
from dmn_ros.training.training_module import DriveTrainingModule
from dmn_ros.training.validation import ValidationBatches, held_out_drive
from localization_common.camera import Camera
from localization_common.command_line import command, options_of
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.place_drives import named_or_drives
from localization_common.datasets.recording_arguments import RecordingArgument
from localization_common.errors import ConfigError, LocalizationError, MapError
from localization_common.files.git_commit import commit_of
from localization_common.files.outputs import require_writable_file
from localization_common.photometry.normalization import Normalization
from localization_common.place import Place
from localization_common.place.choice import open_if_given
from localization_common.training.allocator import keep_freed_memory
from localization_common.training.precision import Precision, chosen_precision
from localization_common.training.progress_lines import ProgressLines


@dataclass(frozen=True)
class TrainCommand:
    """Train a DMN on drives: sequences, bags, or directories of drives through one place.

    Attributes:
        places: places to train on; the first is the place of deployment and is favoured. A directory that is no
            sequence itself contains the drives `train*` of a place, all in one map frame. With --place, the drives of
            that place come first.
        output: checkpoint to write at every validation and at the end; the card is written beside it as .md. By default
            build/dmn.safetensors. With --place, by default the place gets the network at the end, with a new context
            map.
        validate: drive through the first place, localised in a map of that place's training drives; or directories of
            drives through places that are not trained on: the last drive of each is localised in a map of the others.
        minutes: time budget; the learning rate falls to nearly zero at its end.
        max_steps: largest number of steps; -1 is no limit.
        network: `light` is the shipped form, with geometry in the network; `matching` learns the geometry; `paper` is
            the plain form of the paper.
        normalization: front end (see `NetworkConfig`): ``picture`` and ``local`` bear changes of the light. By default
            that of ``initial``, without it none.
        training: objective and numbers of the training.
        horizontal_fov: horizontal field of view of the network's camera, degrees; images of drives are cropped to it.
        initial: checkpoint with the initial weights.
        resume: Lightning checkpoint (last.ckpt in the run's directory) to resume from.
        runs: directory of the run: TensorBoard, last.ckpt.
        accelerator, devices: options of Lightning; several GPUs train with DDP.
        precision: number format; bf16-mixed computes most in half precision; auto takes the faster one on this machine.
        threads: number of threads of torch.
        progress_bar: whether to draw a progress bar; otherwise there is a line of text a minute.
        recording: options of reading recordings.
    """

    places: Annotated[list[Path], tyro.conf.Positional] = field(default_factory=list)
    output: Path | None = None
    validate: Annotated[tuple[Path, ...], tyro.conf.arg(aliases=["--validation"])] = ()
    minutes: float = 30.0
    max_steps: int = -1
    network: Literal["light", "matching", "paper"] = "light"
    normalization: Normalization | None = None
    training: TrainingConfig = field(default_factory=TrainingConfig)
    horizontal_fov: float = 90.0
    initial: Annotated[Path | None, tyro.conf.arg(aliases=["--start"])] = None
    resume: Path | None = None
    runs: Annotated[Path, tyro.conf.arg(aliases=["--logs"])] = Path("build/dmn_training")
    accelerator: str = "auto"
    devices: int = 1
    precision: Precision = "auto"
    threads: int = 1
    progress_bar: Annotated[bool, tyro.conf.arg(aliases=["--progress"])] = True
    recording: RecordingArgument = field(default_factory=RecordingOptions)

    @property
    def checkpoint(self) -> Path:
        """Path at which the checkpoint is written during the training."""
        place = self.recording.place
        if self.output is not None:
            return self.output
        if place is None:
            return Path("build/dmn.safetensors")
        return self.runs / f"{place.expanduser().resolve().name}.safetensors"


class _WriteCheckpoint(lightning.Callback):
    """Callback that writes the safetensors checkpoint and its card after each validation and at the end."""

    def __init__(self, arguments: TrainCommand, places: list[TrainingPlace]) -> None:
        self._arguments, self._places = arguments, places

    def on_validation_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if not trainer.sanity_checking:
            self._write(trainer, module)

    def on_train_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self._write(trainer, module)

    def _write(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if not trainer.is_global_zero or not isinstance(module, DriveTrainingModule):
            return
        arguments = self._arguments
        card: dict[str, Any] = {
            "data": {p.name: [len(d.poses) for d in p.drives] for p in self._places},
            "command": "; then ".join(module.commands),
            "seed": arguments.training.seed,
            "commit": commit_of(Path(__file__).parent) or "unknown",
            "minutes": round(module.minutes, 1),
            "steps": trainer.global_step,
            "numbers": {k: round(float(v), 4) for k, v in trainer.callback_metrics.items()},
        }
        camera = network_camera(module.network.config, arguments.horizontal_fov)
        save_network(arguments.checkpoint, module.network, camera, card)
        write_card(arguments.checkpoint.with_suffix(".md"), module.network, camera, card)


def train(arguments: TrainCommand) -> DriveTrainingModule:
    """Train by the arguments; write the checkpoint at each validation and at the end."""
    keep_freed_memory()
    torch.set_num_threads(arguments.threads)
    lightning.seed_everything(arguments.training.seed, verbose=False)
    network = _starting_network(arguments)
    camera = network_camera(network.config, arguments.horizontal_fov)
    place = open_if_given(arguments.recording.place)
    places = _places(arguments, place, camera, network.config.partial_views)
    command = " ".join(["dmn_train", *sys.argv[1:]])
    module = DriveTrainingModule(network.train(), arguments.training, arguments.minutes, command)
    trainer = lightning.Trainer(
        accelerator=arguments.accelerator,
        devices=arguments.devices,
        precision=chosen_precision(arguments.precision, arguments.accelerator),
        max_epochs=-1,
        max_steps=arguments.max_steps,
        gradient_clip_val=arguments.training.gradient_clip,
        val_check_interval=arguments.training.evaluate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=20,
        enable_progress_bar=arguments.progress_bar,
        enable_model_summary=False,
        logger=TensorBoardLogger(arguments.runs, name=None),
        callbacks=[
            _WriteCheckpoint(arguments, places),
            ModelCheckpoint(
                arguments.runs, save_last=True, save_top_k=0, every_n_train_steps=arguments.training.evaluate_every
            ),
            TQDMProgressBar(refresh_rate=20) if arguments.progress_bar else ProgressLines(),
        ],
    )
    batches = DataLoader(TrainingBatches(places, network.config, arguments.training), batch_size=None)
    held = None
    if arguments.validate:
        drives = [_validation(path, places[0], camera, arguments.recording, network) for path in arguments.validate]
        held = DataLoader(ValidationBatches(drives, network.config, MapOptions()), batch_size=None)
    resume = None if arguments.resume is None else str(arguments.resume)
    trainer.fit(module, batches, held, ckpt_path=resume, weights_only=True)
    if place is not None and arguments.output is None and trainer.is_global_zero:
        _install(arguments.checkpoint, arguments.recording)
    return module


def _starting_network(arguments: TrainCommand) -> DMN:
    """Build the network, with random weights or those of a checkpoint, whose front end may be another one.

    A network that accepts narrow and tilted cameras still does: a training on with such a camera has only such views.
    """
    narrow = arguments.training.narrow > 0.0
    if arguments.initial is None:
        config: NetworkConfig = getattr(NetworkConfig, arguments.network)()
        config = replace(config, view_angle=arguments.horizontal_fov, partial_views=narrow)
        return DMN(replace(config, normalization=arguments.normalization or config.normalization))
    found = load_network(arguments.initial)[0]
    front_end = arguments.normalization or found.config.normalization
    partial_views = narrow or found.config.partial_views
    network = DMN(replace(found.config, normalization=front_end, partial_views=partial_views))
    network.load_state_dict(found.state_dict())
    return network


def _validation(
    path: Path, place: TrainingPlace, camera: Camera, recording: RecordingOptions, network: DMN
) -> tuple[TrainingPlace, DriveFrames]:
    """Read a drive through the first place, or split a place of its own."""
    read = read_place(path, camera, recording=recording, partial_views=network.config.partial_views)
    return (place, read.drives[0]) if len(read.drives) == 1 else held_out_drive(read)


def _install(checkpoint: Path, recording: RecordingOptions) -> None:
    """Put the network into the place, with a context map that it makes.

    Raises:
        LocalizationError: this is not possible; names the file of the network.
    """
    try:
        print(build(BuildMapCommand(checkpoint=checkpoint, recording=recording)))
    except LocalizationError as error:
        raise MapError(
            f"{error}; the trained network is in {checkpoint}: dmn_build_map --place {recording.place} --checkpoint "
            f"{checkpoint} adds it to the place"
        ) from error


def _places(arguments: TrainCommand, place: Place | None, camera: Camera, partial_views: bool) -> list[TrainingPlace]:
    """Read the drives of the place, without that of the validation, then the places that are named."""
    found = []
    if place is not None:
        recordings = named_or_drives((), place, left_out=arguments.validate)
        name = place.description.name
        found.append(read_drives(name, recordings, camera, arguments.recording, partial_views=partial_views))
    elsewhere = replace(arguments.recording, place=None)
    found += [read_place(path, camera, recording=elsewhere, partial_views=partial_views) for path in arguments.places]
    if not found:
        raise ConfigError("places: name at least one place to train on, or give --place PLACE")
    return found


def main() -> None:
    """Run the command line."""
    with command("dmn_train"):
        arguments = options_of(TrainCommand)
        require_writable_file(arguments.output)
        module = train(arguments)
        numbers = {k: round(float(v), 3) for k, v in module.trainer.callback_metrics.items()}
        print(f"{arguments.checkpoint}: {module.global_step} steps in {module.minutes:.1f} minutes, {numbers}")


if __name__ == "__main__":
    main()
