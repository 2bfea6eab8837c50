"""Options of `vlocnet_train`: data, structure, length of the training, initial weights, machine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument
from localization_common.errors import ConfigError
from localization_common.photometry.normalization import Normalization
from localization_common.training.precision import Precision
from vlocnet_ros.config import Tasks
from vlocnet_ros.network.systems import SYSTEMS, AblationName, StructureName, SystemName
from vlocnet_ros.training.augmentation_config import AugmentationConfig
from vlocnet_ros.training.batches import StepMixture
from vlocnet_ros.training.optimizer import OptimizerConfig


@dataclass(frozen=True)
class TrainConfig:
    """Train VLocNet++.

    Attributes:
        train: sequences with poses (or directories of them) in any format that can be read; by default all drives of
            the place.
        output: checkpoint to write; its card is written beside it as .md. By default the place's checkpoint.
        validate: sequences for the validation, also for the covariances. By default the frames of ``exclude`` in the
            training sequences, without these the blocks of ``hold_out``.
        frames: only these frame numbers of the training sequences, such as 0-119.
        exclude: not these frame numbers.
        validate_frames: only these frame numbers of the validation sequences; by default those of ``exclude``.
        hold_out: share of each training sequence that is held out for the validation, in blocks of consecutive frames,
            where ``validate``, ``validate_frames`` and ``exclude`` are not given; 0 for none.
        max_frame_gap: largest difference of the frame numbers of a pair.
        model: structure (see `VLocNetConfig`): light, shallow or paper.
        system: system to train, see `vlocnet_systems`: VLocNet++ or one that it is compared with.
        ablate: ablations of the system; each removes or changes one part.
        width, height: size of the input in pixels, multiples of 16; by default that of the structure.
        normalization: front end (see `VLocNetConfig`): ``picture`` and ``local`` bear changes of the light. By default
            that of the first ``initial`` network, without it none.
        depth_range: nearest and farthest depth that can be predicted, metres; by default that of the structure.
        tasks: streams of the system to train; streams that the data cannot train are left out. Without depth in the
            data, depth is learned from the points of the place's keyframe map, and from pairs of frames and the motion
            between them.
        batch: number of frames in a batch, two for each pair.
        clip: draw sequences of this many frames in the true direction of time, for robots that only drive forward; by
            default pairs, used in both directions.
        mixture: number of steps that train single poses, pairs, and all streams.
        validate_every: steps between validations; after each, the state of the run and the best weights are saved.
        patience: validations without improvement after which training ends early; 0 for no limit.
        initial: checkpoints to start from, of single tasks or of all; tensors whose name and shape agree are copied.
        freeze: modules copied from them that are not trained, such as trunk.
        keep_statistics: keep the batch-norm statistics of layers that were copied from them. Otherwise they become
            those of this training's batches within some dozens of steps, before the weights suit them.
        imagenet: start `paper` with ImageNet weights (timm); with Xavier weights if they are not available.
        resume: continue an interrupted run with the same output.
        seed: seed of all random numbers: weights, batches, augmentation, dropout.
        accelerator, devices: kind and number of devices to train on, in Lightning's terms: auto, cpu, gpu. torchrun,
            for several machines, sets the number itself.
        precision: number format; bf16-mixed computes most in half precision; auto takes the faster one on this machine.
        threads: number of threads of torch; 0 for torch's default.
        progress_bar: whether to draw a progress bar; otherwise there is a line of text a minute.
        runs: directory for TensorBoard logs and the state of unfinished runs.
        recording: options for reading the recordings.
    """

    train: tuple[Path, ...] = ()
    output: Path | None = None
    validate: tuple[Path, ...] = ()
    frames: str = ""
    exclude: str = ""
    validate_frames: str = ""
    hold_out: float = 0.1
    max_frame_gap: int = 1
    model: StructureName = "light"
    system: SystemName = "vlocnetpp"
    ablate: tuple[AblationName, ...] = ()
    width: int | None = None
    height: int | None = None
    normalization: Normalization | None = None
    depth_range: tuple[float, float] | None = None
    tasks: Tasks = field(default_factory=lambda: Tasks(coordinates=True))
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(minutes=25.0))
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    batch: int = 24
    clip: int = 0
    mixture: StepMixture = field(default_factory=StepMixture)
    validate_every: int = 250
    patience: int = 0
    initial: tuple[Path, ...] = ()
    freeze: tuple[str, ...] = ()
    keep_statistics: bool = False
    imagenet: bool = True
    resume: bool = False
    seed: int = 0
    accelerator: str = "auto"
    devices: int = 1
    precision: Precision = "auto"
    threads: int = 0
    progress_bar: bool = True
    runs: Path = Path("build/runs")
    recording: RecordingArgument = field(default_factory=RecordingOptions)

    def __post_init__(self) -> None:
        place = self.recording.place
        if not self.train and place is None:
            raise ConfigError("train: name at least one sequence, or a place (--place PLACE)")
        if self.output is None and place is None:
            raise ConfigError("output: name the file to write, or a place (--place PLACE)")
        if not 0.0 <= self.hold_out < 1.0:
            raise ConfigError(f"hold_out: {self.hold_out} is not a share between 0 and 1")
        if self.batch < 2 or self.batch % 2:
            raise ConfigError(f"batch: {self.batch} must be even: frames come in pairs")
        if self.patience < 0 or self.validate_every < 1:
            raise ConfigError("patience must not be negative, validate_every must be positive")
        if self.clip != 0 and (self.clip < 2 or self.batch % self.clip):
            raise ConfigError(f"clip: {self.clip} must be 0, or at least 2 and a divisor of batch ({self.batch})")

    @property
    def run_name(self) -> str:
        """Name of the run's directory and logs: that of the output, or of the place."""
        return self.place_name if self.output is None else self.output.stem

    @property
    def place_name(self) -> str:
        """Name of the place, for runs and cards; there is a place where no sequences or no output are named."""
        return f"place_{'' if self.recording.place is None else self.recording.place.expanduser().resolve().name}"


C = TypeVar("C", bound=TrainConfig)


def restricted_to_system(config: C) -> C:
    """Return the options without tasks and augmentation that the system does not have."""
    system = SYSTEMS[config.system]
    augmentation = config.augmentation if system.viewpoint else replace(config.augmentation, viewpoint=0.0)
    return replace(config, tasks=config.tasks & system.tasks, augmentation=augmentation)
