"""Odometry and labels of a general network in places that no training had: ``python benchmarks/general_network.py``.

Each apartment has one drive. Real recordings follow, without any training on real images. The baseline moves as the
recording does on average.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from benchmark_file import BenchmarkFile
from general_network_tables import notes, tables
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.errors import CameraError
from localization_sim.commands.record import ApartmentRecording, record
from mapping_rows import KeptRows
from vlocnet_ros.commands.evaluate import evaluate
from vlocnet_ros.evaluation.sequence_scores import Numbers

#: Images per second, as in the trainings; of faster recordings, frames are left out.
_RATE = 5.0


@dataclass(frozen=True)
class GeneralNetworkConfig:
    """Measure odometry and labels where a network was never trained.

    Attributes:
        networks: checkpoints; they are named by their files.
        seeds: first and last seed of the apartments. Seeds 200 to 299 are for tests only.
        data: directory of the real recordings (7scenes, tum, kitti); those that are absent are left out.
        work: directory for drives and numbers; delete its rows when a network or the code has changed.
        threads: number of threads of torch.
        json: file for the numbers.
    """

    networks: tuple[Path, ...] = (
        Path("models/vlocnet_apartment_light.safetensors"),
        Path("models/vlocnet_home.safetensors"),
    )
    seeds: tuple[int, int] = (200, 209)
    data: Path = Path("../shared/data")
    work: Path = Path("build/general_network")
    threads: int = 1
    json: Path | None = None


@dataclass(frozen=True)
class RealRecording:
    """Recording in the data directory, and the length of its segments in metres."""

    folder: str
    segment_m: float


_REAL = {
    "RedKitchen (hand-held)": RealRecording("7scenes/redkitchen/seq-01", 1.0),
    "TUM fr1 rpy (hand-held, mostly turning)": RealRecording("tum/rgbd_dataset_freiburg1_rpy", 0.3),
    "KITTI 00 (car)": RealRecording("kitti/00", 10.0),
}


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(GeneralNetworkConfig, description=__doc__)
    torch.set_num_threads(config.threads)
    rows = KeptRows(config.work / "rows", "")
    numbers: dict[str, dict[str, Numbers]] = {}
    for network in config.networks:
        for seed in range(config.seeds[0], config.seeds[1] + 1):
            _add(numbers, rows, f"apartment {seed}", network, partial(_apartment, config, network, seed))
        for name, real in _REAL.items():
            if (config.data / real.folder).is_dir():
                _add(numbers, rows, name, network, partial(_real, config, network, real))
    file = BenchmarkFile.of(
        __file__,
        title="Places that no training had: odometry and labels",
        tables=tables(numbers),
        notes=notes(numbers, config.networks[-1].stem),
        runs=numbers,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


def _add(
    numbers: dict[str, dict[str, Numbers]], rows: KeptRows, place: str, network: Path, measure: partial[Numbers]
) -> None:
    row = rows.row(f"{place}, {network.stem}", measure)
    assert row is not None
    numbers.setdefault(place, {})[network.stem] = row


def _apartment(config: GeneralNetworkConfig, network: Path, seed: int) -> Numbers:
    """Score the drive through an apartment, which is recorded first."""
    folder = config.work / "drives" / str(seed)
    record(ApartmentRecording(output=folder, seed=seed, train=0, val=False, depth=False))
    return _scores(network, open_sequence(folder / "test"), 1.0)


def _real(config: GeneralNetworkConfig, network: Path, real: RealRecording) -> Numbers:
    """Score a real recording; a network that does not accept its lens has the reason instead."""
    sequence = _slower(open_sequence(config.data / real.folder).with_poses())
    try:
        return _scores(network, sequence, real.segment_m)
    except CameraError as error:
        return {"refused": str(error)}


def _slower(sequence: Sequence) -> Sequence:
    """Leave frames out, so that about `_RATE` a second are left, and number them one by one."""
    every = max(1, round(1e9 / _RATE / float(np.median(np.diff(sequence.stamps)))))
    left = sequence.select(np.arange(0, len(sequence), every))
    return replace(left, frame_numbers=np.arange(len(left)))


def _scores(network: Path, sequence: Sequence, segment_m: float) -> dict[str, Any]:
    numbers = evaluate(network, [sequence], train=[sequence], segment_m=segment_m).numbers
    found: Numbers = {name: numbers[name] for name in ("frames", "refused", "odometry") if name in numbers}
    if "segmentation" in numbers:
        found["miou"] = numbers["segmentation"]["miou"]
    return found | {"constant_motion": numbers.get("baselines", {}).get("constant_motion")}


if __name__ == "__main__":
    main()
