"""`vlocnet_evaluate`: a checkpoint on recorded sequences, frame by frame through the same localizer that a robot runs.

The network sees its own previous frame's features and nothing else: never a true pose.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence as Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tyro

from localization_common import baselines, metrics, trajectories
from localization_common.datasets.open import open_sequences
from localization_common.datasets.sequence import Sequence
from localization_common.errors import DatasetError, InputError, LocalizationError
from localization_common.geometry import se3
from vlocnet_ros.estimate import Estimate
from vlocnet_ros.frame_localizer import FrameLocalizer
from vlocnet_ros.integrity.replay import Drive
from vlocnet_ros.localizer import Localizer
from vlocnet_ros.refining_localizer import RefiningLocalizer

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EvaluateConfig:
    """Evaluate a VLocNet++ checkpoint.

    Attributes:
        checkpoint: safetensors file, or the .onnx file that vlocnet_export made of one.
        sequences: 7-Scenes, DeepLoc, TUM RGB-D, KITTI odometry, rosbag2.
        frames: only these frame numbers, such as 200-239,450-489.
        train: the sequences it was trained with, for the baselines (thumbnail nearest neighbour, nearest pose, constant
            motion).
        train_exclude, train_frames: frame numbers that were not, or were alone, used of them.
        keyframe_map: file that poses are refined against, made by vlocnet_build_keyframes.
        max_frame_gap: frames whose numbers differ by more are no pair.
        segment_m: length of the segments that odometry is judged over.
        output: JSON file for the numbers.
    """

    checkpoint: Path
    sequences: tuple[Path, ...]
    frames: str = ""
    train: tuple[Path, ...] = ()
    train_exclude: str = ""
    train_frames: str = ""
    keyframe_map: Path | None = None
    max_frame_gap: int = 1
    segment_m: float = 1.0
    device: str = "cpu"
    half: bool = False
    threads: int = 0
    output: Path | None = None


@dataclass(frozen=True)
class Evaluation:
    """What a checkpoint said about sequences, and what is true.

    Attributes:
        numbers: as written to JSON.
        regressed_errors: (N, 6) x y z rX rY rZ about the map's axes, of each frame's own pose; empty without pose
            stream.
        motion_errors: (P, 6) about the previous optical frame's axes.
        drives: all that was said of each sequence's frames; none without pose stream.
        sharpness: of the least sharp frame (`integrity.shutter.sharpness`).
    """

    numbers: dict[str, Any]
    regressed_errors: Array
    motion_errors: Array
    drives: tuple[Drive, ...]
    sharpness: float


def main() -> None:
    """Entry point of `vlocnet_evaluate`."""
    config = tyro.cli(EvaluateConfig, description=__doc__)
    try:
        sequences = [s.chosen(config.frames) for path in config.sequences for s in open_sequences(path, split="test")]
        train = [
            s.chosen(config.train_frames, config.train_exclude) for path in config.train for s in open_sequences(path)
        ]
        evaluation = evaluate(
            config.checkpoint,
            sequences,
            train=train,
            keyframe_map=config.keyframe_map,
            max_frame_gap=config.max_frame_gap,
            segment_m=config.segment_m,
            device=config.device,
            half=config.half,
            threads=config.threads or None,
        )
    except LocalizationError as error:
        sys.exit(f"vlocnet_evaluate: {error}")
    print(table(evaluation.numbers))
    if config.output is not None:
        config.output.parent.mkdir(parents=True, exist_ok=True)
        config.output.write_text(json.dumps(evaluation.numbers, indent=1) + "\n", encoding="utf-8")


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
) -> Evaluation:
    """Errors of a checkpoint file on sequences, with baselines if the training sequences are given.

    With a keyframe map they are errors of poses that are refined where the image confirms it.

    Raises:
        DatasetError: the labels are of other classes than the network's.
    """
    localizer: FrameLocalizer = Localizer.from_checkpoint(checkpoint, device=device, half=half, threads=threads)
    if keyframe_map is not None:
        localizer = RefiningLocalizer.with_map(localizer, keyframe_map)
    classes = len(localizer.class_names)
    for sequence in sequences:
        if classes and sequence.class_names and len(sequence.class_names) != classes:
            raise DatasetError(f"{sequence.name}: {len(sequence.class_names)} classes, but {checkpoint} has {classes}")
    score = metrics.SegmentationScore(classes) if classes else None
    started, runs = time.perf_counter(), []
    for sequence in sequences:
        runs.append(_run(localizer, sequence, max_frame_gap, score))
    frames = sum(len(estimates) for _, estimates in runs)
    refused = sum(len(sequence) for sequence in sequences) - frames
    numbers: dict[str, Any] = {
        "frames": frames,
        "refused": refused,
        "ms_per_frame": 1e3 * (time.perf_counter() - started) / frames,
    }
    regressed_errors = _pose_numbers(localizer, runs, train, numbers)
    if keyframe_map is not None:
        numbers["refinement"] = _refinement_numbers([e for _, estimates in runs for e in estimates])
    motion_errors = _odometry_numbers(runs, train, segment_m, numbers)
    if score is not None and score.confusion.sum() > 0:
        names = dict(zip(localizer.class_names, score.iou.tolist(), strict=True))
        numbers["segmentation"] = {
            "miou": score.mean_iou,
            "pixel_accuracy": score.pixel_accuracy,
            "iou": {name: value for name, value in names.items() if np.isfinite(value)},
        }
    sharpness = min(e.sharpness for _, estimates in runs for e in estimates)
    drives = tuple(_drive(*run) for run in runs) if localizer.tasks.pose else ()
    return Evaluation(numbers, regressed_errors, motion_errors, drives, sharpness)


def table(numbers: dict[str, Any]) -> str:
    """The numbers as lines of text."""
    lines = [f"{numbers['frames']} frames, {numbers['ms_per_frame']:.0f} ms each"]
    poses = (("pose", "pose"), ("  of each frame by itself", "regressed"))
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


def _run(
    localizer: FrameLocalizer, sequence: Sequence, max_frame_gap: int, score: metrics.SegmentationScore | None
) -> tuple[Sequence, list[Estimate]]:
    """The frames that were not refused, and estimates for them, in order.

    Labels are scored in the source image, where the network sees.
    """
    localizer.set_camera(sequence.camera)
    positions, estimates = [], []
    for i in range(len(sequence)):
        if i > 0 and sequence.frame_numbers[i] - sequence.frame_numbers[i - 1] > max_frame_gap:
            localizer.reset()
        try:
            estimate = localizer.step(sequence.read_image(i), int(sequence.stamps[i]))
        except InputError as error:
            print(f"{sequence.name}, frame {sequence.frame_numbers[i]}: {error}", file=sys.stderr)
            continue
        if score is not None and estimate.labels is not None and sequence.read_labels is not None:
            labels = localizer.labels_in_image(estimate.labels)
            score.add(labels[labels != 255], sequence.read_labels(i)[labels != 255])
        positions.append(i)
        estimates.append(estimate)
    return sequence.select(positions), estimates


def _pose_numbers(
    localizer: FrameLocalizer,
    runs: list[tuple[Sequence, list[Estimate]]],
    train: Collection[Sequence],
    numbers: dict[str, Any],
) -> Array:
    if not localizer.tasks.pose:
        return np.zeros((0, 6))
    estimated = np.stack([e.map_T_camera for _, estimates in runs for e in estimates])
    regressed = np.stack([p for _, estimates in runs for e in estimates if (p := e.regressed_T_camera) is not None])
    truth = np.concatenate([sequence.map_T_camera for sequence, _ in runs])
    numbers["pose"], numbers["regressed"] = pose_summary(estimated, truth), pose_summary(regressed, truth)
    if train:
        known = np.concatenate([sequence.map_T_camera for sequence in train])
        thumbnails = [baselines.thumbnail_nearest_neighbour(list(train), sequence) for sequence, _ in runs]
        numbers.setdefault("baselines", {}).update(
            thumbnail_nearest_neighbour=pose_summary(np.concatenate(thumbnails), truth),
            nearest_training_pose=pose_summary(baselines.nearest_training_pose(known, truth), truth),
        )
    return metrics.twist_errors(regressed, truth)


def _drive(sequence: Sequence, estimates: list[Estimate]) -> Drive:
    return Drive(
        stamps=sequence.stamps,
        map_T_camera=sequence.map_T_camera,
        regressed=np.stack([p for e in estimates if (p := e.regressed_T_camera) is not None]),
        motions=tuple(e.previous_T_camera for e in estimates),
        features=np.stack([np.zeros(0) if e.pose_features is None else e.pose_features for e in estimates]),
    )


def _refinement_numbers(estimates: list[Estimate]) -> dict[str, float]:
    """Share of the frames that were refined, and what that took on top of the network."""
    milliseconds = [e.timings["refine"] for e in estimates if "refine" in e.timings]
    p50, p95 = np.percentile(milliseconds, [50, 95]).tolist() if milliseconds else (float("nan"), float("nan"))
    return {"refined": float(np.mean([e.refined for e in estimates])), "p50_ms": p50, "p95_ms": p95}


def _odometry_numbers(
    runs: list[tuple[Sequence, list[Estimate]]], train: Collection[Sequence], segment_m: float, numbers: dict[str, Any]
) -> Array:
    constant = _mean_motion(train)
    parts, constant_parts, twists = [], [], [np.zeros((0, 6))]
    for sequence, estimates in runs:
        current = np.array([i for i, e in enumerate(estimates) if e.previous_T_camera is not None], dtype=np.int64)
        if len(current) == 0:
            continue
        pairs = np.stack([current - 1, current], axis=1)
        motions = np.stack([m for e in estimates if (m := e.previous_T_camera) is not None])
        truth = sequence.map_T_camera
        twists.append(metrics.twist_errors(motions, se3.inverse(truth[pairs[:, 0]]) @ truth[pairs[:, 1]]))
        try:
            parts.append(trajectories.odometry_errors(motions, pairs, truth, segment_m=segment_m))
            if constant is not None:
                same = np.broadcast_to(constant, motions.shape)
                constant_parts.append(trajectories.odometry_errors(same, pairs, truth, segment_m=segment_m))
        except DatasetError as error:
            print(f"{sequence.name}: no odometry numbers ({error})", file=sys.stderr)
    for where, name, found in ((numbers, "odometry", parts), (None, "constant_motion", constant_parts)):
        if found:
            errors = trajectories.pooled(found)
            entry = {
                "rpe_percent": errors.mean_percent,
                "rpe_deg_per_m": errors.mean_deg_per_m,
                "segment_m": segment_m,
                "segments": len(errors.percent),
            }
            (numbers.setdefault("baselines", {}) if where is None else where)[name] = entry
    return np.concatenate(twists)


def _mean_motion(train: Collection[Sequence]) -> Array | None:
    """Mean motion between neighbouring training frames (4, 4): odometry's baseline."""
    motions = [se3.inverse(s.map_T_camera[p[:, 0]]) @ s.map_T_camera[p[:, 1]] for s in train if len(p := s.pairs()) > 0]
    if not motions:
        return None
    every = np.concatenate(motions)
    u, _, vt = np.linalg.svd(every[:, :3, :3].mean(0))
    mean = np.eye(4)
    mean[:3, :3] = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
    mean[:3, 3] = every[:, :3, 3].mean(0)
    return mean


def pose_summary(estimated: Array, truth: Array) -> dict[str, float | int]:
    """Medians and the like of poses (N, 4, 4), as in `Evaluation.numbers`."""
    errors = metrics.pose_errors(estimated, truth)
    return {
        "median_m": errors.median_m,
        "median_deg": errors.median_deg,
        "p90_m": float(np.quantile(errors.metres, 0.9)),
        "p90_deg": float(np.quantile(errors.degrees, 0.9)),
        "within_5cm_5deg": errors.share_within(),
        "within_25cm_5deg": errors.share_within(0.25, 5.0),
        "frames": len(truth),
    }


if __name__ == "__main__":
    main()
