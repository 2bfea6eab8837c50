"""`vlocnet_evaluate`: evaluate a checkpoint on recorded sequences, frame by frame with the localizer of the robot.

The inputs of the network are the image and its features of the previous frame, never a true pose.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from collections.abc import Sequence as Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from localization_common.command_line import command, options_of
from localization_common.datasets.opening import open_sequences
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.recording_arguments import RecordingArgument, announce
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError
from localization_common.files.outputs import require_writable_file, write_output
from localization_common.metrics import pose_metrics
from localization_common.place.choice import named_or_part, named_or_part_if_any, open_if_given
from vlocnet_ros.config import Tasks
from vlocnet_ros.evaluation import sequence_scores
from vlocnet_ros.evaluation.calibration_replay import RegressedDrive
from vlocnet_ros.evaluation.sequence_scores import SequenceEstimates
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer
from vlocnet_ros.runtime.replay import replay

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EvaluateConfig:
    """Evaluate a VLocNet++ checkpoint.

    Attributes:
        sequences: recordings in any format that can be read. All frames are used; those with a true pose are scored.
        checkpoint: safetensors file, or the .onnx file that vlocnet_export made of one; by default the place's.
        frames: only these frame numbers, such as 200-239,450-489.
        train: sequences of the training, for the baselines (thumbnail nearest neighbour, nearest pose, constant
            motion).
        train_exclude, train_frames: options exclude and frames of the training.
        keyframe_map: file with the keyframe map against which poses are refined, made by vlocnet_build_keyframes; by
            default the place's, if it has one.
        refine: refine poses where there is a keyframe map.
        max_frame_gap: largest difference of the frame numbers of a pair.
        segment_m: length in metres of the segments over which the error of the odometry is computed.
        output: JSON file for the scores.
        recording: options for reading the recordings, also those of ``train``.
    """

    sequences: tuple[Path, ...]
    checkpoint: Path | None = None
    frames: str = ""
    train: tuple[Path, ...] = ()
    train_exclude: str = ""
    train_frames: str = ""
    keyframe_map: Path | None = None
    refine: bool = True
    max_frame_gap: int = 1
    segment_m: float = 1.0
    device: str = "cpu"
    half: bool = False
    threads: int = 0
    output: Path | None = None
    recording: RecordingArgument = field(default_factory=RecordingOptions)


@dataclass(frozen=True)
class CheckpointEvaluation:
    """Scores, errors and results of a checkpoint on sequences.

    Attributes:
        numbers: scores, as written to JSON.
        regressed_errors: (N, 6) errors x y z rX rY rZ of the regressed poses about the map's axes; empty without pose
            stream.
        motion_errors: (P, 6) errors of the motions about the previous optical frame's axes.
        drives: results for each sequence's frames; empty without pose stream.
        sharpness: sharpness of the least sharp frame (`integrity.frozen_camera.sharpness`).
    """

    numbers: dict[str, Any]
    regressed_errors: Array
    motion_errors: Array
    drives: tuple[RegressedDrive, ...]
    sharpness: float


def main() -> None:
    """Entry point of `vlocnet_evaluate`."""
    with command("vlocnet_evaluate"):
        config = options_of(EvaluateConfig, __doc__)
        require_writable_file(config.output)
        options, place = config.recording, open_if_given(config.recording.place)
        checkpoint = named_or_part(config.checkpoint, place, "vlocnet", "checkpoint")
        keyframe_map = named_or_part_if_any(config.keyframe_map, place, "keyframes") if config.refine else None
        opened = (s for path in config.sequences for s in open_sequences(path, options, split="test"))
        sequences = [announce(s).chosen(config.frames) for s in opened]
        trained = (s for path in config.train for s in open_sequences(path, options))
        train = [announce(s).chosen(config.train_frames, config.train_exclude).with_poses() for s in trained]
        evaluation = evaluate(
            checkpoint,
            sequences,
            train=train,
            keyframe_map=keyframe_map,
            max_frame_gap=config.max_frame_gap,
            segment_m=config.segment_m,
            device=config.device,
            half=config.half,
            threads=config.threads or None,
        )
        print(table(evaluation.numbers))
        if config.output is not None:
            write_output(config.output, json.dumps(evaluation.numbers, indent=1) + "\n")


def evaluate(
    checkpoint: Path,
    sequences: Collection[Sequence],
    *,
    train: Collection[Sequence] = (),
    keyframe_map: Path | None = None,
    max_frame_gap: int = 1,
    segment_m: float = 1.0,
    device: str = "cpu",
    half: bool = False,
    threads: int | None = None,
) -> CheckpointEvaluation:
    """Evaluate a checkpoint file on sequences, with baselines if the training sequences are given.

    With a keyframe map, poses are refined if the image confirms it.

    Raises:
        DatasetError: the labels have other classes than the network.
    """
    localizer: FrameLocalizer = Localizer.from_checkpoint(checkpoint, device=device, half=half, threads=threads)
    if keyframe_map is not None:
        localizer = RefiningLocalizer.with_map(localizer, keyframe_map)
    classes = len(localizer.class_names)
    for sequence in sequences:
        if classes and sequence.class_names and len(sequence.class_names) != classes:
            raise DatasetError(f"{sequence.name}: {len(sequence.class_names)} classes, but {checkpoint} has {classes}")
    score = pose_metrics.SegmentationScore(classes) if classes else None
    started = time.perf_counter()
    results = [_estimate(localizer, sequence, max_frame_gap, score) for sequence in sequences]
    frames = sum(len(result.estimates) for result in results)
    numbers: dict[str, Any] = {
        "frames": frames,
        "refused": sum(len(sequence) for sequence in sequences) - frames,
        "ms_per_frame": 1e3 * (time.perf_counter() - started) / frames,
        "without_true_pose": sum(int((~result.frames.has_pose).sum()) for result in results),
    }
    if localizer.tasks.global_pose and numbers["without_true_pose"] < frames:
        numbers |= sequence_scores.pose_scores(results)
    if keyframe_map is not None:
        numbers["refinement"] = sequence_scores.refinement_scores(results)
    if (odometry := sequence_scores.odometry_scores(results, segment_m)) is not None:
        numbers["odometry"] = odometry
    if baselines := _baselines(results, train, segment_m, localizer.tasks):
        numbers["baselines"] = baselines
    if score is not None and score.confusion.sum() > 0:
        numbers["segmentation"] = sequence_scores.segmentation_scores(score, localizer.class_names)
    return CheckpointEvaluation(
        numbers,
        _joined(sequence_scores.regressed_errors(result) for result in results if localizer.tasks.global_pose),
        _joined(sequence_scores.motion_errors(result) for result in results),
        tuple(_drive(result) for result in results) if localizer.tasks.global_pose else (),
        min(e.sharpness for result in results for e in result.estimates),
    )


def table(numbers: dict[str, Any]) -> str:
    """Format the scores as lines of text."""
    lines = [f"{numbers['frames']} frames, {numbers['ms_per_frame']:.0f} ms each"]
    poses = (("pose", "pose"), ("  of single frames", "regressed"))
    for name, key in (*poses, *((f"  {b}", b) for b in numbers.get("baselines", {}))):
        p = numbers.get(key) or numbers.get("baselines", {}).get(key)
        if p and "median_m" in p:
            within = f"{100 * p['within_5cm_5deg']:.1f} % within 5 cm and 5 deg"
            lines.append(f"{name:28} median {p['median_m']:.3f} m  {p['median_deg']:.2f} deg  {within}")
        elif p:
            lines.append(f"{name:28} RPE {p['rpe_percent']:.2f} %  {p['rpe_deg_per_m']:.3f} deg/m")
    if "refinement" in numbers:
        r = numbers["refinement"]
        took = f"{r['p50_ms']:.0f} ms on top of the network (p95 {r['p95_ms']:.0f} ms)"
        lines.append(f"{'refined':28} {100 * r['refined']:.1f} % of the frames, in {took}")
    if "odometry" in numbers:
        o = numbers["odometry"]
        lines.append(f"{'odometry':28} RPE {o['rpe_percent']:.2f} %  {o['rpe_deg_per_m']:.3f} deg/m")
    if "segmentation" in numbers:
        s = numbers["segmentation"]
        lines.append(f"{'segmentation':28} mIoU {s['miou']:.3f}  pixels right {s['pixel_accuracy']:.3f}")
        lines += [f"  {name:26} IoU {value:.3f}" for name, value in s["iou"].items()]
    return "\n".join(lines)


def _estimate(
    localizer: FrameLocalizer, sequence: Sequence, max_frame_gap: int, score: pose_metrics.SegmentationScore | None
) -> SequenceEstimates:
    """Estimate all frames of a sequence; score labels in the source image, at the pixels that the network sees."""
    positions, estimates = [], []
    for frame in replay(localizer, sequence, max_frame_gap=max_frame_gap):
        if frame.estimate is None:
            number = sequence.frame_numbers[frame.position]
            print(f"{sequence.name}, frame {number}: {frame.refusal}", file=sys.stderr)
            continue
        if score is not None and frame.estimate.labels is not None and sequence.read_labels is not None:
            labels = localizer.labels_in_image(frame.estimate.labels)
            score.add(labels[labels != 255], sequence.read_labels(frame.position)[labels != 255])
        positions.append(frame.position)
        estimates.append(frame.estimate)
    return SequenceEstimates(sequence.select(positions), estimates)


def _baselines(
    results: Collection[SequenceEstimates], train: Collection[Sequence], segment_m: float, tasks: Tasks
) -> dict[str, Any]:
    """Return scores of the baselines for a network that was trained with these sequences."""
    if not train:
        return {}
    constant = sequence_scores.odometry_baseline(results, train, segment_m)
    return (sequence_scores.pose_baselines(results, train) if tasks.global_pose else {}) | (
        {} if constant is None else {"constant_motion": constant}
    )


def _joined(errors: Iterable[Array]) -> Array:
    return np.concatenate([np.zeros((0, 6)), *errors])


def _drive(result: SequenceEstimates) -> RegressedDrive:
    estimates = result.estimates
    return RegressedDrive(
        stamps=result.frames.stamps,
        map_T_camera=result.frames.map_T_camera,
        regressed=result.regressed,
        motions=tuple(e.previous_T_camera for e in estimates),
        features=_stacked([e.error_features for e in estimates]),
        pose_features=_stacked([e.pose_features for e in estimates]),
    )


def _stacked(features: Collection[npt.NDArray[np.floating] | None]) -> npt.NDArray[np.floating]:
    return np.stack([np.zeros(0) if one is None else one for one in features])


if __name__ == "__main__":
    main()
