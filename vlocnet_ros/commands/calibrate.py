"""`vlocnet_calibrate`: measure a checkpoint's errors on held-out sequences and store what its covariances need.

`vlocnet_train --validate` does the same at the end of a training. Do it again where the robot drives: covariances,
what single frames may be wrong by, and how sharp pictures have to be are those of the sequences given here. The weights
stay as they are.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tyro

from localization_common.datasets.opening import open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import Recording, announce
from localization_common.errors import LocalizationError
from vlocnet_ros.commands.evaluate import CheckpointEvaluation, evaluate, table
from vlocnet_ros.evaluation.calibration_replay import RECENCIES, fit, with_recencies
from vlocnet_ros.evaluation.sequence_scores import pose_summary
from vlocnet_ros.runtime.checkpoint import Residuals, load_vlocnet, save_vlocnet
from vlocnet_ros.runtime.integrity.out_of_distribution import least_feature_norm
from vlocnet_ros.runtime.integrity.tracking import TrackingConfig


@dataclass(frozen=True)
class CalibrateConfig:
    """Calibrate the covariances of a VLocNet++ checkpoint.

    Attributes:
        checkpoint: safetensors file.
        sequences: with poses, and not trained with; several drives teach more than one.
        output: file to write; the checkpoint itself by default.
        tracking: how poses are joined, and when they are not to be believed.
        memories: places in the window that are tried for tracking.consensus.recency; give none to have it as it is.
        max_frame_gap: frames whose numbers differ by more are no pair.
        threads: of torch; 0 leaves torch's own choice.
        recording: how the recordings are read.
    """

    checkpoint: Path
    sequences: tuple[Path, ...]
    output: Path | None = None
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    memories: tuple[float, ...] = RECENCIES
    max_frame_gap: int = 1
    threads: int = 0
    recording: Recording = field(default_factory=RecordingOptions)


def main() -> None:
    """Entry point of `vlocnet_calibrate`."""
    config = tyro.cli(CalibrateConfig, description=__doc__)
    try:
        calibrate(config)
    except LocalizationError as error:
        sys.exit(f"vlocnet_calibrate: {error}")


def calibrate(config: CalibrateConfig) -> None:
    """Measure and store."""
    candidates = with_recencies(config.tracking, config.memories)
    opened = (s for path in config.sequences for s in open_sequences(path, config.recording))
    sequences = [announce(s).with_poses() for s in opened]
    known = load_vlocnet(config.checkpoint)

    def save(path: Path, residuals: Residuals) -> None:
        names, card = known.class_names, known.card | {"calibrated_on": [s.name for s in sequences]}
        save_vlocnet(path, known.network, camera=known.camera, class_names=names, residuals=residuals, card=card)

    with tempfile.TemporaryDirectory() as directory:
        # measured with what will be stored
        trial = Path(directory) / config.checkpoint.name
        save(trial, Residuals(tracking=config.tracking))
        evaluation = evaluate(trial, sequences, max_frame_gap=config.max_frame_gap, threads=config.threads or None)
    numbers, residuals = calibrated(evaluation, candidates)
    print(table(numbers))
    save(config.output or config.checkpoint, residuals)


def calibrated(
    evaluation: CheckpointEvaluation, candidates: Sequence[TrackingConfig]
) -> tuple[dict[str, Any], Residuals]:
    """What is to be stored in a checkpoint, and the numbers of its evaluation as they will be with that.

    Poses are those that a robot would get with what frames elsewhere in these sequences taught.

    Args:
        evaluation: of held-out sequences.
        candidates: ways to join frames, of which the best is stored; where there are no poses, the first.
    """
    fallback, drives = Residuals(), evaluation.drives
    frame_error = uncertainty = None
    tracking = candidates[0]
    numbers = evaluation.numbers
    if drives:
        frame_error, uncertainty, tracking, poses = fit(drives, candidates)
        numbers = numbers | {"pose": pose_summary(poses, np.concatenate([drive.map_T_camera for drive in drives]))}
    residuals = Residuals(
        pose=_moments(evaluation.regressed_errors, fallback.pose),
        motion=_moments(evaluation.motion_errors, fallback.motion),
        frame_error=frame_error,
        uncertainty=uncertainty,
        sharpness=evaluation.sharpness,
        familiarity=least_feature_norm(np.concatenate([drive.features for drive in drives])) if drives else 0.0,
        tracking=tracking,
    )
    return numbers, residuals


def _moments(errors: npt.NDArray[np.float64], fallback: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
    if len(errors) == 0:
        return fallback
    matrix = errors.T @ errors / len(errors) + 1e-8 * np.eye(6)
    return tuple(tuple(row) for row in matrix.tolist())


if __name__ == "__main__":
    main()
