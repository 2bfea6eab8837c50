"""`vlocnet_train`: train VLocNet++, or what it is compared with, on any recorded sequences; checkpoint and card."""

from __future__ import annotations

import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import lightning
import numpy as np
import torch
import tyro
from lightning.pytorch.callbacks import ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only
from torch.utils.data import DataLoader

from localization_common.datasets.open import open_sequences
from localization_common.datasets.sequence import FrameRanges, Sequence
from localization_common.datasets.seven_scenes import GroundTruth
from localization_common.errors import ConfigError, LocalizationError
from localization_common.geometry import se3
from vlocnet_ros.checkpoint import Checkpoint, Residuals, load_vlocnet, save_vlocnet, set_camera
from vlocnet_ros.config import Tasks, VLocNetConfig
from vlocnet_ros.evaluate import evaluate, residuals_of, table
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.systems import SYSTEMS, AblationName, SystemName
from vlocnet_ros.training.augmentation import AugmentationConfig, Batch
from vlocnet_ros.training.batches import Mixture, RandomBatches, gather
from vlocnet_ros.training.calibration import calibrate_odometry
from vlocnet_ros.training.card import write_card
from vlocnet_ros.training.frames import Frames, network_camera
from vlocnet_ros.training.imagenet import load_imagenet
from vlocnet_ros.training.initial import take_over
from vlocnet_ros.training.module import OptimizerConfig, TrainingModule


@dataclass(frozen=True)
class TrainConfig:
    """Train VLocNet++.

    Attributes:
        train: sequences (or directories of them): 7-Scenes, DeepLoc, TUM RGB-D, KITTI odometry, rosbag2.
        output: checkpoint to write; its card goes beside it as .md.
        validate: sequences to validate on; residuals for covariances come from here. By default the frames of
            ``exclude`` in the training sequences.
        poses: ground truth of 7-Scenes: KinectFusion's, or structure from motion's, as `vlocnet_tables` describes.
        frames: only these frame numbers of the training sequences, such as 0-119.
        exclude: not these frame numbers.
        validate_frames: only these frame numbers of the validation sequences; by default those of ``exclude``.
        max_frame_gap: frames whose numbers differ by more are no pair.
        model: structure; light or paper.
        system: what to train, see `vlocnet_systems`: VLocNet++ or one of those that it is compared with.
        ablate: changes to the system, each takes or changes one thing that may matter.
        width, height: of the input in pixels, multiples of 16; the structure's own by default.
        tasks: streams of the system to train; those that the data has no ground truth for are left out by themselves.
        batch: frames in a batch, two for each pair.
        clip: draw stretches of this many frames in the true direction of time, for robots that only drive forward; by
            default pairs, used in both directions.
        mixture: how many steps train single poses, pairs, and everything.
        validate_every: steps between validations during training.
        initial: checkpoints to start from: streams of single tasks, or all; whatever fits is taken over.
        freeze: modules taken over from them that stay as they are, such as trunk.
        imagenet: start `paper` from ImageNet weights (timm); goes on with Xavier if they cannot be had.
        resume: go on from where an interrupted run with the same output stopped.
        seed: of the weights, the batches and everything else random.
        accelerator, devices: what to train on, as Lightning names it: auto, cpu, gpu; how many of them.
        precision: bf16-mixed computes most in half precision.
        threads: of torch; 0 leaves torch's own choice.
        progress_bar: whether to draw one.
        runs: directory for TensorBoard logs and the state of unfinished runs.
    """

    train: tuple[Path, ...]
    output: Path
    validate: tuple[Path, ...] = ()
    poses: GroundTruth = "original"
    frames: str = ""
    exclude: str = ""
    validate_frames: str = ""
    max_frame_gap: int = 1
    model: Literal["light", "paper"] = "light"
    system: SystemName = "vlocnetpp"
    ablate: tuple[AblationName, ...] = ()
    width: int | None = None
    height: int | None = None
    tasks: Tasks = field(default_factory=Tasks)
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(minutes=25.0))
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    batch: int = 24
    clip: int = 0
    mixture: Mixture = field(default_factory=Mixture)
    validate_every: int = 250
    initial: tuple[Path, ...] = ()
    freeze: tuple[str, ...] = ()
    imagenet: bool = True
    resume: bool = False
    seed: int = 0
    accelerator: str = "auto"
    devices: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    threads: int = 0
    progress_bar: bool = True
    runs: Path = Path("build/runs")

    def __post_init__(self) -> None:
        if not self.train:
            raise ConfigError("train: name at least one sequence")
        if self.batch < 2 or self.batch % 2:
            raise ConfigError(f"batch: {self.batch} must be even: frames come in pairs")
        if self.clip != 0 and (self.clip < 2 or self.batch % self.clip):
            raise ConfigError(f"clip: {self.clip} must be 0, or at least 2 and a divisor of batch ({self.batch})")


def main() -> None:
    """Entry point of `vlocnet_train`."""
    config = tyro.cli(TrainConfig, description=__doc__)
    try:
        train(config)
    except LocalizationError as error:
        sys.exit(f"vlocnet_train: {error}")


def train(config: TrainConfig) -> Checkpoint:
    """Train, validate, write checkpoint and card; returns what was written, read back."""
    lightning.seed_everything(config.seed)
    config = _of_system(config)
    torch.set_float32_matmul_precision("high")
    if config.threads > 0:
        torch.set_num_threads(config.threads)
    sequences, held_out = _sequences(config)
    network, taken, frames, validation = _prepare(config, sequences, held_out)
    card = _card(config, frames)
    mixture = _possible(config.mixture, network.config)
    # Lightning starts one process for each GPU, and tells it which one it is.
    batches = RandomBatches(
        frames,
        size=config.batch,
        seed=config.seed,
        rank=rank_zero_only.rank,
        mixture=mixture,
        paired=network.config.paired,
        clip=config.clip,
    )
    module = TrainingModule(
        network, batches, config.optimizer, config.augmentation, seed=config.seed, taken=taken, freeze=config.freeze
    )
    trainer = _fit(config, module, validation)
    if not trainer.is_global_zero:
        return load_vlocnet(config.output)
    calibrate_odometry(network, frames, forward=config.clip > 0)
    card |= {"minutes": round(module.trained_seconds / 60.0, 1), "steps": module.global_step}
    # Measured with the file as it is stored, so that the card's numbers are the file's.
    save_vlocnet(config.output, network, camera=frames.camera, class_names=frames.class_names, card=card)
    results, residuals = _measure(config, held_out)
    card["numbers"] = results
    names = frames.class_names
    save_vlocnet(config.output, network, camera=frames.camera, class_names=names, residuals=residuals, card=card)
    write_card(config.output, card)
    return load_vlocnet(config.output)


def _of_system(config: TrainConfig) -> TrainConfig:
    """With what the system does without left out."""
    system = SYSTEMS[config.system]
    augmentation = config.augmentation if system.viewpoint else replace(config.augmentation, viewpoint=0.0)
    return replace(config, tasks=config.tasks & system.tasks, augmentation=augmentation)


def _sequences(config: TrainConfig) -> tuple[list[Sequence], list[Sequence]]:
    options = {} if config.poses == "original" else {"poses": config.poses}
    every = [s for path in config.train for s in open_sequences(path, **options)]
    chosen = every if not config.frames else [s.with_numbers(FrameRanges.parse(config.frames)) for s in every]
    if config.exclude:
        chosen = [s.without_numbers(FrameRanges.parse(config.exclude)) for s in chosen]
    held_out = [s for path in config.validate for s in open_sequences(path, split="test", **options)]
    ranges = config.validate_frames or (config.exclude if not config.validate else "")
    if not held_out and ranges:
        held_out = every
    if ranges:
        held_out = [s.with_numbers(FrameRanges.parse(ranges)) for s in held_out]
    return chosen, held_out


def _prepare(
    config: TrainConfig, sequences: list[Sequence], held_out: list[Sequence]
) -> tuple[VLocNet, set[str], Frames, Frames | None]:
    labels = any(s.read_labels is not None for s in sequences)
    depth = any(s.read_depth is not None for s in sequences)
    wanted = config.tasks
    segmentation = wanted.segmentation and labels
    tasks = replace(wanted, segmentation=segmentation, depth=wanted.depth and segmentation and depth)
    classes = max((len(s.class_names) for s in sequences), default=0) or 10
    model = SYSTEMS[config.system].structure(config.model, tasks=tasks, classes=classes, ablations=config.ablate)
    model = replace(model, width=config.width or model.width, height=config.height or model.height)
    camera = network_camera(sequences[0].camera, model.width, model.height)
    frames = Frames.read(sequences, camera, max_frame_gap=config.max_frame_gap)
    validation = Frames.read(held_out, camera, max_frame_gap=config.max_frame_gap) if held_out else None
    print(
        f"{len(frames)} frames in {len(frames.pairs)} pairs to train on, {len(validation or ())} to validate; {tasks}"
    )
    if config.augmentation.mirror > 0.0 and tasks.pose:
        raise ConfigError("augmentation.mirror: a mirrored image has no pose in the map; leave the pose stream out")
    network = VLocNet(model)
    set_camera(network, camera)
    _set_scales(network, frames, forward=config.clip > 0)
    taken: set[str] = set()
    if config.initial:
        taken, told = take_over(network, config.initial, frames.images[:: max(1, len(frames) // 32)].float() / 255.0)
        print(told)
    elif config.model == "paper" and config.imagenet:
        load_imagenet(network)
    return network, taken, frames, validation


def _set_scales(network: VLocNet, frames: Frames, *, forward: bool) -> None:
    """Regressors put out numbers of the order of one; these take them to the range of the data."""
    if network.pose is not None:
        network.pose.regressor.translation_mean.copy_(frames.translation.mean(0))
        network.pose.regressor.translation_scale.copy_(frames.translation.std(0).clamp_min(0.05))
    if network.odometry is not None:
        t, q = frames.translation.double().numpy(), frames.quaternion.double().numpy()
        poses = np.stack([se3.from_parts(a, b) for a, b in zip(t, q, strict=True)])
        motions = se3.inverse(poses[frames.pairs[:, 0]]) @ poses[frames.pairs[:, 1]]
        parts = [se3.to_parts(motion) for motion in motions]
        both = np.stack([p[0] for p in parts])
        regressor = network.odometry.regressor
        if forward:  # otherwise pairs are used in both directions of time, and the mean motion is none
            regressor.translation_mean.copy_(torch.tensor(both.mean(0), dtype=torch.float32))
        scale = torch.tensor(np.sqrt((both**2).mean(0)), dtype=torch.float32).clamp_min(0.005)
        regressor.translation_scale.copy_(scale)
        turning = torch.tensor(np.sqrt((np.stack([p[1] for p in parts])[:, 1:] ** 2).mean(0)), dtype=torch.float32)
        regressor.rotation_scale.copy_(torch.cat([torch.tensor([1e-3]), turning.clamp_min(0.002)]))


def _fit(config: TrainConfig, module: TrainingModule, validation: Frames | None) -> lightning.Trainer:
    directory = config.runs / config.output.stem
    state = directory / "last.ckpt"
    callbacks: list[Any] = [
        ModelCheckpoint(directory, save_last=True, save_top_k=0, every_n_train_steps=config.validate_every),
    ]
    if config.progress_bar:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    trainer = lightning.Trainer(
        accelerator=config.accelerator,
        devices=config.devices,
        precision=config.precision,
        max_epochs=-1,
        max_steps=-1 if config.optimizer.steps is None else config.optimizer.steps,
        callbacks=callbacks,
        logger=TensorBoardLogger(config.runs, name=config.output.stem, version=""),
        num_sanity_val_steps=0,
        enable_progress_bar=config.progress_bar,
        enable_model_summary=False,
        use_distributed_sampler=False,
        log_every_n_steps=20,
    )
    # The loader only counts steps: see TrainingModule.on_before_batch_transfer.
    counter = DataLoader(range(config.validate_every), batch_size=None)
    checks = None if validation is None else DataLoader(_validation_batches(config, validation), batch_size=None)
    if config.resume and not state.is_file():
        raise ConfigError(f"resume: {state} does not exist; there is no interrupted run of this output")
    # The state of a run is read without unpickling code.
    ckpt = str(state) if config.resume else None
    trainer.fit(module, counter, checks, ckpt_path=ckpt, weights_only=True)
    return trainer


def _possible(mixture: Mixture, model: VLocNetConfig) -> Mixture:
    """Steps that train something, for the streams of this structure."""
    tasks = model.tasks
    pose = mixture.pose if tasks.pose else 0
    pairs = mixture.pairs if model.paired else 0
    return replace(mixture, pose=pose, pairs=pairs, all=mixture.all if tasks.segmentation or not pose + pairs else 0)


def _validation_batches(config: TrainConfig, frames: Frames) -> list[Batch]:
    """Pairs, in the directions of time that training uses."""
    pairs, half = frames.pairs[:: max(1, len(frames.pairs) // 150)], config.batch // 2
    previous = torch.arange(2 * len(pairs))
    previous = previous & ~1 if config.clip else previous ^ 1
    return [
        gather(frames, pairs[i : i + half].flatten(), previous=previous[: 2 * len(pairs[i : i + half])])
        for i in range(0, len(pairs), half)
    ]


def _measure(config: TrainConfig, held_out: list[Sequence]) -> tuple[dict[str, Any], Residuals]:
    """Numbers and residuals of the stored file on the validation sequences, frame by frame as on a robot."""
    if not held_out:
        print("no validation sequences: the checkpoint's covariances are placeholders")
        return {}, Residuals()
    evaluation = evaluate(config.output, held_out, max_frame_gap=config.max_frame_gap)
    print(table(evaluation.numbers))
    return evaluation.numbers, residuals_of(evaluation)


def _card(config: TrainConfig, frames: Frames) -> dict[str, Any]:
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    return {
        "data": [path.name for path in config.train],
        "frames": len(frames),
        "validation": [path.name for path in config.validate] or [f"frames {config.exclude}"],
        "command": shlex.join(["vlocnet_train", *sys.argv[1:]]),
        "system": config.system,
        "ablations": list(config.ablate),
        "seed": config.seed,
        "commit": commit,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "augmentation": asdict(config.augmentation),
        "initial": [{"file": path.name} | _origin(load_vlocnet(path).card) for path in config.initial],
        "torch": str(torch.__version__),
    }


def _origin(card: dict[str, Any]) -> dict[str, Any]:
    return {key: card[key] for key in ("command", "seed", "commit", "minutes", "steps", "initial") if key in card}


if __name__ == "__main__":
    main()
