"""Localization of the test drive in light that no training had: ``python benchmarks/lights.py --help``.

The drive is recorded again in each of the simulator's test lights. The networks, the context map and the keyframe map
are those of the standard light.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import torch
import tyro

from benchmark_file import BenchmarkFile
from dmn_ros.commands.evaluate import EvaluateCommand
from dmn_ros.commands.evaluate import evaluate as evaluate_dmn
from lights_config import LightsConfig
from lights_tables import notes, tables
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.refinement.refiner import Refiner
from localization_sim.commands.record import ApartmentRecording, record
from mapping_rows import KeptRows
from refinement_priors import from_vlocnet
from refinement_trials import as_published, refined
from vlocnet_ros.commands.evaluate import evaluate as evaluate_vlocnet

Numbers = dict[str, Any]


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(LightsConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(config.threads)
    rows = KeptRows(config.work / "rows", f"{config.vlocnet} {config.dmn} {config.map} {config.keyframe_map}")
    numbers = {light: rows.row(light, partial(_row, config, light)) for light in config.lights}
    file = BenchmarkFile.of(
        __file__,
        title="Light that no training had",
        tables=tables(numbers),
        notes=notes(numbers),
        runs=numbers,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


def _row(config: LightsConfig, light: str) -> Numbers:
    """Localize the test drive in one light, with both networks and with the keyframe map."""
    folder = config.work / "drives" / light
    record(ApartmentRecording(output=folder, light=light, train=0, val=False, depth=False))
    drive = folder / "test"
    sequence = open_sequence(drive)
    with torch.inference_mode():
        dmn = evaluate_dmn(EvaluateCommand(drive, config.dmn, config.map, one_step=100))
    return {
        "vlocnet": evaluate_vlocnet(config.vlocnet, [sequence]).numbers,
        "dmn": dmn,
        **_poses(config.vlocnet, config.keyframe_map, sequence),
    }


def _poses(checkpoint: Path, keyframe_map: Path, sequence: Sequence) -> Numbers:
    """Score the poses that vlocnet publishes, and those that are refined against the keyframe map."""
    priors = from_vlocnet(checkpoint, sequence)
    refiner = Refiner(KeyframeMap.load(keyframe_map))
    return {
        "published": as_published(priors, sequence.map_T_camera).numbers(),
        "refined": refined(refiner, sequence, priors)[0].numbers(),
    }


if __name__ == "__main__":
    main()
