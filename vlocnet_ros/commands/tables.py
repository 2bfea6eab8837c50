"""`vlocnet_tables`: print the paper's table for 7-Scenes or DeepLoc, measured with your checkpoints.

The localizer of the robot processes every test frame, as in `vlocnet_evaluate`; it never gets a true pose.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from localization_common.command_line import command, options_of
from localization_common.datasets.formats import is_deeploc, is_scene
from localization_common.datasets.opening import open_sequences
from localization_common.datasets.options import SFM, RecordingOptions
from localization_common.datasets.recording_arguments import announce
from localization_common.errors import ConfigError, DatasetError
from localization_common.files.outputs import require_writable_file, write_output
from vlocnet_ros.commands.evaluate import evaluate
from vlocnet_ros.evaluation import published_results
from vlocnet_ros.evaluation.paper_tables import deeploc_text, seven_scenes_text


@dataclass(frozen=True)
class TablesConfig:
    """Print the paper's table for 7-Scenes or DeepLoc: one row per scene, an average, and the published numbers.

    Attributes:
        data: directory of 7-Scenes (of its scene directories) or of one scene, or of DeepLoc (with train and test).
        checkpoint: checkpoint for DeepLoc or for one scene; for several scenes, a directory with chess.safetensors and
            so on. Scenes without one are left out.
        poses: ground truth of 7-Scenes: KinectFusion's, or structure from motion's (pgt/sfm/7scenes beside the
            scenes, from github.com/tsattler/visloc_pseudo_gt_limitations). Use the same in the training.
        max_frame_gap: largest difference of the frame numbers of a pair.
        segment_m: length in metres of the segments over which the error of the odometry is computed.
        output: JSON file for the scores.
    """

    data: Annotated[Path, tyro.conf.Positional]
    checkpoint: Path
    poses: Literal["original", "sfm"] = "original"
    max_frame_gap: int = 1
    segment_m: float = 1.0
    device: str = "cpu"
    half: bool = False
    threads: int = 0
    output: Path | None = None


def main() -> None:
    """Entry point of `vlocnet_tables`."""
    with command("vlocnet_tables"):
        config = options_of(TablesConfig, __doc__)
        require_writable_file(config.output)
        numbers = measure(config)
        print(deeploc_text(numbers) if numbers["data_set"] == "DeepLoc" else seven_scenes_text(numbers))
        if config.output is not None:
            write_output(config.output, json.dumps(numbers, indent=1) + "\n")


def measure(config: TablesConfig) -> dict[str, Any]:
    """Evaluate the scenes; return the table that is written to JSON.

    Returns:
        ``data_set``; ``poses`` (7-Scenes only); ``measured``: the scores of `vlocnet_evaluate` for each scene, with
        its ``checkpoint``; ``average`` over these scenes as in the paper: the mean of their medians, shares and errors;
        ``published``.

    Raises:
        LocalizationError: the directory has no data set, no checkpoint fits it, or a recording cannot be read.
    """
    data = config.data.expanduser()
    if is_deeploc(data):
        if config.poses != "original":
            raise ConfigError(f"poses: {config.poses} is of 7-Scenes, but {data} is DeepLoc")
        measured = {"test": _measure(data, config.checkpoint, config)}
        reported: dict[str, Any] = {method: asdict(row) for method, row in published_results.DEEPLOC.items()}
        return {"data_set": "DeepLoc", "measured": measured, "published": reported}
    scenes = _scenes(data)
    checkpoints = _checkpoints(config.checkpoint, scenes)
    measured = {name: _measure(scenes[name], checkpoint, config) for name, checkpoint in checkpoints.items()}
    reported = {
        method: {scene: asdict(row) for scene, row in rows.items()}
        for method, rows in published_results.SEVEN_SCENES.items()
    }
    return {
        "data_set": "7-Scenes",
        "poses": config.poses,
        "measured": measured,
        "average": average(list(measured.values())),
        "published": reported,
    }


def average(measured: list[dict[str, Any]]) -> dict[str, float]:
    """Return means over scenes of the scores that all of them have; all scenes have the same weight."""
    quantities = {"pose": ("median_m", "median_deg", "within_5cm_5deg"), "odometry": ("rpe_percent", "rpe_deg_per_m")}
    means: dict[str, float] = {}
    for group, keys in quantities.items():
        if all(group in numbers for numbers in measured):
            means |= {key: sum(numbers[group][key] for numbers in measured) / len(measured) for key in keys}
    return means


def _measure(data: Path, checkpoint: Path, config: TablesConfig) -> dict[str, Any]:
    options = RecordingOptions(poses=SFM if config.poses == SFM else "")
    sequences = [announce(sequence) for sequence in open_sequences(data, options, split="test")]
    evaluation = evaluate(
        checkpoint,
        sequences,
        max_frame_gap=config.max_frame_gap,
        segment_m=config.segment_m,
        device=config.device,
        half=config.half,
        threads=config.threads or None,
    )
    return {"checkpoint": checkpoint.name, **evaluation.numbers}


def _scenes(data: Path) -> dict[str, Path]:
    """Return scene directories by name, in the paper's order; other scenes follow."""
    found = {}
    if is_scene(data):
        found = {data.absolute().name: data}
    elif data.is_dir():
        found = {entry.name: entry for entry in sorted(data.iterdir()) if is_scene(entry)}
    if not found:
        raise DatasetError(
            f"{data}: neither 7-Scenes (directories chess, fire, ... with TestSplit.txt) nor DeepLoc (train and test "
            "with LeftImages and poses.txt)"
        )
    order = {name: i for i, name in enumerate(published_results.SCENES)}
    return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def _checkpoints(path: Path, scenes: dict[str, Path]) -> dict[str, Path]:
    """Return the checkpoint of each scene that has one."""
    if not path.is_dir():
        if len(scenes) > 1:
            raise ConfigError(
                f"checkpoint: {path} is no directory, and a checkpoint is for one scene only; give a directory with "
                f"{', '.join(f'{name}.safetensors' for name in scenes)}, or one scene as data"
            )
        return dict.fromkeys(scenes, path)
    found = {name: file for name in scenes if (file := path / f"{name}.safetensors").is_file()}
    if not found:
        raise ConfigError(f"checkpoint: {path} holds none of {', '.join(f'{name}.safetensors' for name in scenes)}")
    missing = [name for name in scenes if name not in found]
    if missing:
        print(f"left out, since {path} has no checkpoint of that name: {', '.join(missing)}", file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
