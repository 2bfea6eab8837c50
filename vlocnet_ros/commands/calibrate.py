"""`vlocnet_calibrate`: calibrate the covariances of a checkpoint with its errors on held-out sequences.

`vlocnet_train --validate` does the same at the end of a training. Calibrate again with sequences of the place where the
robot drives: covariances, predicted errors of single frames, and the limit of the sharpness come from the sequences
that are given here. The weights do not change.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import tyro

from localization_common.command_line import command, options_of
from localization_common.datasets.opening import open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument, announce
from localization_common.files.outputs import require_writable_file
from localization_common.place.choice import named_or_part, open_if_given, writing
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
        sequences: sequences with poses that were not used in the training; several drives give a better calibration.
        checkpoint: safetensors file; by default the place's.
        output: file to write; by default the checkpoint.
        tracking: parameters of the pose fusion and limits of the integrity check.
        recencies: values of tracking.consensus.recency to try; none to keep it.
        max_frame_gap: largest difference of the frame numbers of a pair.
        threads: number of threads of torch; 0 for torch's default.
        recording: options for reading the recordings.
    """

    sequences: tuple[Path, ...]
    checkpoint: Path | None = None
    output: Path | None = None
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    recencies: Annotated[tuple[float, ...], tyro.conf.arg(aliases=["--memories"])] = RECENCIES
    max_frame_gap: int = 1
    threads: int = 0
    recording: RecordingArgument = field(default_factory=RecordingOptions)


def main() -> None:
    """Entry point of `vlocnet_calibrate`."""
    with command("vlocnet_calibrate"):
        calibrate(options_of(CalibrateConfig, __doc__))


def calibrate(config: CalibrateConfig) -> None:
    """Measure the errors and write the calibrated checkpoint."""
    place = open_if_given(config.recording.place)
    require_writable_file(config.output)
    candidates = with_recencies(config.tracking, config.recencies)
    opened = (s for path in config.sequences for s in open_sequences(path, config.recording))
    sequences = [announce(s).with_poses() for s in opened]
    file = named_or_part(config.checkpoint, place, "vlocnet", "checkpoint")
    checkpoint = load_vlocnet(file)

    def save(path: Path, residuals: Residuals) -> None:
        names, card = checkpoint.class_names, checkpoint.card | {"calibrated_on": [s.name for s in sequences]}
        save_vlocnet(
            path, checkpoint.network, camera=checkpoint.camera, class_names=names, residuals=residuals, card=card
        )

    with tempfile.TemporaryDirectory() as directory:
        # the errors are measured with the configuration that will be stored
        trial = Path(directory) / file.name
        save(trial, Residuals(tracking=config.tracking))
        evaluation = evaluate(trial, sequences, max_frame_gap=config.max_frame_gap, threads=config.threads or None)
    numbers, residuals = calibrated(evaluation, candidates)
    print(table(numbers))
    with writing(config.output or config.checkpoint, place, "vlocnet") as output:
        save(output, residuals)


def calibrated(
    evaluation: CheckpointEvaluation, candidates: Sequence[TrackingConfig]
) -> tuple[dict[str, Any], Residuals]:
    """Return the calibrated numbers of an evaluation, and the residuals to store in the checkpoint.

    The scores are those of fused poses with predicted errors that were fitted to other frames of these sequences.

    Args:
        evaluation: evaluation on held-out sequences.
        candidates: configurations of the pose fusion, of which the best is stored; the first without a pose stream.
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
        familiarity=least_feature_norm(np.concatenate([drive.pose_features for drive in drives])) if drives else 0.0,
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
