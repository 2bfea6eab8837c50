"""What a training is told: data, structure, length, start, machine. Options of `vlocnet_train`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import Recording
from localization_common.errors import ConfigError
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.systems import SYSTEMS, AblationName, SystemName
from vlocnet_ros.training.augmentation import AugmentationConfig
from vlocnet_ros.training.batches import StepMixture
from vlocnet_ros.training.optimizer import OptimizerConfig


@dataclass(frozen=True)
class TrainConfig:
    """Train VLocNet++.

    Attributes:
        train: sequences (or directories of them) in any format that can be read, with poses.
        output: checkpoint to write; its card goes beside it as .md.
        validate: sequences to validate on; residuals for covariances come from here. By default the frames of
            ``exclude`` in the training sequences.
        frames: only these frame numbers of the training sequences, such as 0-119.
        exclude: not these frame numbers.
        validate_frames: only these frame numbers of the validation sequences; by default those of ``exclude``.
        max_frame_gap: frames whose numbers differ by more are no pair.
        model: structure; light or paper.
        system: what to train, see `vlocnet_systems`: VLocNet++ or one of those that it is compared with.
        ablate: changes to the system, each takes or changes one thing that may matter.
        width, height: of the input in pixels, multiples of 16; the structure's own by default.
        depth_range: metres, nearest and farthest depth that can be predicted; the structure's own by default.
        tasks: streams of the system to train; those that cannot be learned from the data are left out by themselves.
            Where the data has no depth, it is learned from pairs of frames and the motion between them.
        batch: frames in a batch, two for each pair.
        clip: draw stretches of this many frames in the true direction of time, for robots that only drive forward; by
            default pairs, used in both directions.
        mixture: how many steps train single poses, pairs, and everything.
        validate_every: steps between validations during training; each one's state and the best one's weights are kept.
        patience: validations without a better one after which training ends early; 0 for never.
        initial: checkpoints to start from: streams of single tasks, or all; whatever fits is taken over.
        freeze: modules taken over from them that stay as they are, such as trunk.
        imagenet: start `paper` from ImageNet weights (timm); goes on with Xavier if they cannot be had.
        resume: go on from where an interrupted run with the same output stopped.
        seed: of the weights, the batches and everything else random.
        accelerator, devices: what to train on, as Lightning names it: auto, cpu, gpu; how many of them. torchrun, for
            several machines, says itself how many.
        precision: bf16-mixed computes most in half precision.
        threads: of torch; 0 leaves torch's own choice.
        progress_bar: whether to draw one.
        runs: directory for TensorBoard logs and the state of unfinished runs.
        recording: how the recordings are read.
    """

    train: tuple[Path, ...]
    output: Path
    validate: tuple[Path, ...] = ()
    frames: str = ""
    exclude: str = ""
    validate_frames: str = ""
    max_frame_gap: int = 1
    model: Literal["light", "paper"] = "light"
    system: SystemName = "vlocnetpp"
    ablate: tuple[AblationName, ...] = ()
    width: int | None = None
    height: int | None = None
    depth_range: tuple[float, float] | None = None
    tasks: Tasks = field(default_factory=Tasks)
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(minutes=25.0))
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    batch: int = 24
    clip: int = 0
    mixture: StepMixture = field(default_factory=StepMixture)
    validate_every: int = 250
    patience: int = 0
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
    recording: Recording = field(default_factory=RecordingOptions)

    def __post_init__(self) -> None:
        if not self.train:
            raise ConfigError("train: name at least one sequence")
        if self.batch < 2 or self.batch % 2:
            raise ConfigError(f"batch: {self.batch} must be even: frames come in pairs")
        if self.patience < 0 or self.validate_every < 1:
            raise ConfigError("patience must not be negative, validate_every must be positive")
        if self.clip != 0 and (self.clip < 2 or self.batch % self.clip):
            raise ConfigError(f"clip: {self.clip} must be 0, or at least 2 and a divisor of batch ({self.batch})")


def restricted_to_system(config: TrainConfig) -> TrainConfig:
    """With what the system does without left out."""
    system = SYSTEMS[config.system]
    augmentation = config.augmentation if system.viewpoint else replace(config.augmentation, viewpoint=0.0)
    return replace(config, tasks=config.tasks & system.tasks, augmentation=augmentation)
