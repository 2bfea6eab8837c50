"""``dmn_evaluate``: success of global localisation and tracking errors on a held-out drive, as a table and JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import tyro

from dmn_ros.evaluation import localization_scores
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.map.hand_held import upright
from dmn_ros.runtime.localizer import Localizer
from localization_common.command_line import command, options_of
from localization_common.datasets import open_sequence
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument, announce
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.files.configuration import to_dict
from localization_common.files.outputs import require_writable_file, write_output
from localization_common.files.shipped_files import shipped
from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import planar_odometry
from localization_common.place.choice import dmn_checkpoint, open_if_given

Array = npt.NDArray[np.float64]

APARTMENT_MAP = "models/apartment_map.safetensors"


@dataclass(frozen=True)
class EvaluateCommand:
    """Localise a drive in a map from many starts, and compare the poses with the ground truth.

    Attributes:
        drive: recording with true poses; its odometry is used if it has any. All frames are localised, those with a
            true pose are scored.
        checkpoint, map: checkpoint of the network, and context map; by default the place's, without a place those of
            the simulated apartment.
        output: JSON file to write.
        starts: number of random starts of each sequential setting.
        frames: number of frames after which the sequential settings are scored.
        radius: largest position error of a success, metres.
        one_step: number of images of the one-step setting.
        hand_held: the camera is held by hand: each image is rotated upright by the roll and pitch of its true pose,
            which stand for those of an IMU. The z axis of the poses' frame points up. Frames that are tilted too far
            are left out.
        seed: seed of starts and particles.
        filter: configuration of the particle filter.
        threads: number of threads of torch.
        recording: options of reading recordings.
    """

    drive: Annotated[Path, tyro.conf.Positional]
    checkpoint: Path | None = None
    map: Path | None = None
    output: Path = Path("build/dmn_evaluation.json")
    starts: int = 50
    frames: int = 10
    radius: float = 0.5
    one_step: int = 200
    hand_held: bool = False
    seed: int = 0
    filter: FilterConfig = field(default_factory=FilterConfig)
    threads: int = 1
    recording: RecordingArgument = field(default_factory=RecordingOptions)


def evaluate(arguments: EvaluateCommand) -> dict[str, Any]:
    """Evaluate all settings; keys are the names of the settings, values numbers with the unit in the name."""
    sequence = announce(open_sequence(arguments.drive, arguments.recording))
    place = open_if_given(arguments.recording.place)
    checkpoint = dmn_checkpoint(arguments.checkpoint, place)
    context_map = arguments.map or (shipped(APARTMENT_MAP) if place is None else place.file("context_map"))
    localizer = Localizer.from_files(checkpoint, context_map, filter_config=arguments.filter, threads=arguments.threads)
    if arguments.hand_held:
        sequence = upright(sequence, localizer.camera, partial_views=localizer.partial_views)
    return evaluate_sequence(sequence, localizer, arguments)


def evaluate_sequence(sequence: Sequence, localizer: Localizer, arguments: EvaluateCommand) -> dict[str, Any]:
    """Evaluate all settings on a sequence that was read; see `evaluate`.

    Raises:
        CameraError: the network does not accept the camera.
        DatasetError: the sequence is too short, or holds no true pose.
    """
    sequence = _usable(sequence)
    localizer.set_camera(sequence.camera, sequence.base_T_camera[:3, :3])
    posed = sequence.has_pose
    truth = np.full((len(sequence), 3), np.nan)
    truth[posed] = planar.from_se3(sequence.map_T_base[posed])
    if len(sequence) <= 4 * arguments.frames:
        raise DatasetError(f"{sequence.name}: {len(sequence)} frames, more than {4 * arguments.frames} are needed")
    random = np.random.default_rng(arguments.seed)
    possible = np.nonzero(posed[: len(sequence) - 4 * arguments.frames])[0]
    if len(possible) == 0:
        raise DatasetError(f"{sequence.name}: no frame has a true pose but the last {4 * arguments.frames}")
    starts = possible[random.integers(0, len(possible), arguments.starts)]
    drive = _DriveEvaluation(sequence, truth, localizer, arguments)
    return {
        "drive": sequence.name,
        "frames_in_drive": len(sequence),
        "views_in_map": len(localizer.context_map),
        "bounds_m": list(localizer.context_map.bounds),
        "filter": to_dict(arguments.filter),
        "one_step_global": drive.one_step(),
        **drive.sequential(starts),
        "tracking": drive.tracking(starts),
        "closest_context": localization_scores.closest_context(
            truth[posed], localizer.context_map.poses, arguments.radius
        ),
        "uninformed": localization_scores.uninformed(truth[posed], localizer.context_map.bounds, arguments.radius),
    }


def _usable(sequence: Sequence) -> Sequence:
    """Select the frames with odometry, or, without any odometry, the frames with a pose, whose motion is used."""
    if sequence.odom_T_base is None:
        return sequence.with_poses()
    if not sequence.has_pose.any():
        return sequence.with_poses()  # raises an error with a remedy
    return sequence.with_odometry()


class _DriveEvaluation:
    """Evaluation of one drive: the settings are its methods."""

    def __init__(self, sequence: Sequence, truth: Array, localizer: Localizer, arguments: EvaluateCommand) -> None:
        self._sequence, self._truth, self._localizer, self._arguments = sequence, truth, localizer, arguments
        odometry = sequence.odom_T_base
        self._odometry = truth if odometry is None else planar_odometry(odometry, sequence.has_odometry)

    def one_step(self) -> dict[str, float]:
        """Score a uniform belief after one image."""
        posed = np.nonzero(self._sequence.has_pose)[0]
        frames = posed[np.linspace(0, len(posed) - 1, self._arguments.one_step).astype(int)]
        errors = []
        for frame in frames:
            self._restart(int(frame))
            errors.append(self._errors(int(frame)))
        return localization_scores.success(np.array(errors), self._arguments.radius)

    def sequential(self, starts: npt.NDArray[np.int64]) -> dict[str, dict[str, float]]:
        """Score a uniform belief twice: after a number of successive camera frames, and after as many weighed ones.

        A frame is weighed if the robot has moved by `update_min_d` or `update_min_a` since the last weighed frame, so
        that the first setting is the harder one.
        """
        arguments = self._arguments
        camera, weighed, used = [], [], []
        for trial, start in enumerate(starts):
            self._restart(trial)
            seen, frame = 0, int(start)
            while seen < arguments.frames and frame < len(self._sequence):
                errors = self._errors(frame)
                frame, seen = frame + 1, seen + int(self._observed)
                if frame - int(start) == arguments.frames:
                    camera.append(errors)
            weighed.append(errors)
            used.append(frame - int(start))
        return {
            "sequential_global_camera_frames": localization_scores.success(np.array(camera), arguments.radius),
            "sequential_global_weighed_frames": {
                **localization_scores.success(np.array(weighed), arguments.radius),
                "camera_frames_mean": float(np.mean(used)),
            },
        }

    def tracking(self, starts: npt.NDArray[np.int64], steps: int = 5) -> dict[str, float]:
        """Score the paper's tracking: Gaussian belief of 0.3 units and 30 degrees, error after five weighed images."""
        unit = self._localizer.context_map.scale
        sigma = np.array([0.3 * unit, 0.3 * unit, np.radians(30.0)])
        random = np.random.default_rng(self._arguments.seed)
        squared = []
        for trial, start in enumerate(starts):
            self._restart(trial)
            mean = self._truth[start] + random.normal(size=3) * sigma
            self._localizer.reset_gaussian(mean, np.diag(sigma**2))
            seen, frame = 0, int(start)
            while seen < steps and frame < len(self._sequence):
                error = self._errors(frame)
                seen += int(self._observed)
                frame += 1
            squared.append(error[0] ** 2)  # NaN without a true pose
        mean = float(np.nanmean(squared)) if np.isfinite(squared).any() else float("nan")
        return {"mean_squared_m2": mean, "mean_squared_units2": mean / unit**2}

    def _restart(self, seed: int) -> None:
        self._localizer.reset_uniform(seed=self._arguments.seed * 100_003 + seed)

    def _errors(self, frame: int) -> tuple[float, float, float, float]:
        """Localise a frame; return position (metres) and heading (radians) errors of mean and most likely pose."""
        sequence = self._sequence
        belief = self._localizer.step(sequence.read_image(frame), int(sequence.stamps[frame]), self._odometry[frame])
        self._observed = belief.observed
        return (
            *localization_scores.pose_error(belief.mean, self._truth[frame]),
            *localization_scores.pose_error(belief.most_likely, self._truth[frame]),
        )


def print_table(results: dict[str, Any]) -> None:
    """Print one line for each setting."""
    print(f"{results['drive']}: {results['frames_in_drive']} frames, map of {results['views_in_map']} views")
    for name, row in results.items():
        if isinstance(row, dict) and name != "filter":
            print(f"  {name:34s}" + "  ".join(f"{key} {value:.3f}" for key, value in row.items()))


def main() -> None:
    """Run the command line."""
    with command("dmn_evaluate"):
        arguments = options_of(EvaluateCommand)
        require_writable_file(arguments.output)
        with torch.inference_mode():
            results = evaluate(arguments)
        print_table(results)
        write_output(arguments.output, json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
