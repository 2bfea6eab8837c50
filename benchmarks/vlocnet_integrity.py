"""Scores of the covariances and of the integrity of a checkpoint: ``python benchmarks/vlocnet_integrity.py --help``.

A held-out drive is replayed through the localizer of the node, without changes and with faults in some intervals. A
pose is wrong if its error is above 0.5 m. Good poses are counted on frames without a fault, because no method can
localize a faulty frame.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import tyro
from scipy import stats

from benchmark_file import BenchmarkFile, Cell, Column, Table, judged
from caching_backend import CachingBackend
from camera_faults import KINDS, Faults, spoiled
from integrity_scoring import ScoredDrive, consistency, run_over
from localization_common.datasets.opening import open_sequences
from localization_common.datasets.sequence import Sequence
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.backends.torch_backend import TorchBackend
from vlocnet_ros.runtime.checkpoint import load_vlocnet
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.replay import estimates

REPOSITORY = Path(__file__).resolve().parents[1]
#: Number of passes of Monte Carlo dropout.
SAMPLES = 40
AIMS = {"withheld of wrong": 0.95, "withheld of good": 0.02, "rank": 0.5}


@dataclass(frozen=True)
class IntegrityConfig:
    """Measure covariances and integrity.

    Attributes:
        checkpoint: checkpoint to measure.
        drive: held-out sequence, with poses.
        calibrated: one of the sequences that the covariances were fitted to, for comparison.
        elsewhere: frames of another place through an equal camera.
        seeds: seeds of the positions of the faults, one run for each.
        threads: number of torch threads; 0: torch's default.
        quick: one seed only.
        json: file for the numbers.
    """

    checkpoint: Path = REPOSITORY / "models/vlocnet_apartment_light.safetensors"
    drive: Path = Path("build/apartment/test")
    calibrated: Path = Path("build/apartment/val")
    elsewhere: Path = Path("build/apartments/2/train_00")
    seeds: tuple[int, ...] = (0, 1, 2)
    threads: int = 0
    quick: bool = False
    json: Path | None = None


def measure(config: IntegrityConfig) -> dict[str, Any]:
    """Measure all numbers."""
    known = load_vlocnet(config.checkpoint)
    localizer = Localizer(known, CachingBackend(known.network))
    paths = (config.drive, config.elsewhere, config.calibrated)
    drive, elsewhere, calibrated = (open_sequences(path)[0].with_poses() for path in paths)
    drives = {"test": drive, "validation, fitted to": calibrated}
    clean = {name: run_over(localizer, sequence) for name, sequence in drives.items()}
    single = {name: single_frames(config.checkpoint, sequence) for name, sequence in drives.items()}
    counts = {"none": [_counts(clean["test"], np.zeros(len(drive), dtype=bool))]}
    for kind in KINDS:
        counts[kind] = []
        for seed in config.seeds[: 1 if config.quick else None]:
            sequence, faulty = spoiled(drive, Faults(kind, seed=seed), elsewhere)
            counts[kind].append(_counts(run_over(localizer, sequence), faulty))
            print(f"{kind}, seed {seed}: {counts[kind][-1]}", flush=True)
    scores = {name: asdict(consistency(answers)) for name, answers in clean.items()}
    return {"consistency": scores, "single_frames": single, "counts": counts}


def single_frames(checkpoint: Path, sequence: Sequence) -> dict[str, float]:
    """Compute rank correlations (Spearman) of predictors with the position error of single frames."""
    loaded = load_vlocnet(checkpoint)
    sampling = VLocNet(replace(loaded.network.config, samples=SAMPLES)).eval()
    sampling.load_state_dict(loaded.network.state_dict())
    localizer = Localizer(loaded, TorchBackend(sampling), fuse=False)
    found = estimates(localizer, sequence)
    poses = np.stack([e.map_T_camera for e in found])
    errors = np.linalg.norm(poses[1:, :3, 3] - sequence.map_T_camera[1:, :3, 3], axis=1)
    spread = [np.trace(e.covariance[:3, :3]) for e in found[1:]]
    contradiction = [e.consistency[0] for e in found[1:] if e.consistency is not None]
    features = [e.pose_features for e in found[1:]]
    expected = [loaded.residuals.expected(one)[0] for one in features]
    return {
        "expected_by_features": float(stats.spearmanr(expected, errors).statistic),
        "monte_carlo_dropout": float(stats.spearmanr(spread, errors).statistic),
        "consistency": float(stats.spearmanr(contradiction, errors).statistic),
    }


def _counts(answers: ScoredDrive, faulty: npt.NDArray[np.bool_]) -> dict[str, int]:
    good = ~answers.wrong & ~faulty
    return {
        "frames": len(answers.wrong),
        "wrong": int(answers.wrong.sum()),
        "wrong_withheld": int((answers.wrong & answers.withheld).sum()),
        "good": int(good.sum()),
        "good_withheld": int((good & answers.withheld).sum()),
    }


COUNTS = ("frames", "wrong", "wrong_withheld", "good", "good_withheld")


def tables(numbers: dict[str, Any]) -> list[Table]:
    """Make the tables of the covariances, of predictors of the error, and of withheld poses."""
    columns = (
        Column("drive"),
        Column("mean NEES (ideal 6)", "{:.2f}"),
        Column("95 % band of the mean", "{:.1f} to {:.1f}"),
        Column("below the 95 % quantile", "{:.1f} %"),
        Column("rank correlation, position", "{:.2f}"),
        Column("rank correlation, rotation", "{:.2f}"),
    )
    rows: list[list[Cell]] = [
        [name, c["nees"], list(c["band"]), 100.0 * c["within"], c["rank_m"], c["rank_deg"]]
        for name, c in numbers["consistency"].items()
    ]
    predictors = (
        Column("drive"),
        Column("predicted error, from the features", "{:.2f}"),
        Column("Monte Carlo dropout", "{:.2f}"),
        Column("contradiction between poses and odometry", "{:.2f}"),
    )
    single: list[list[Cell]] = [
        [name, c["expected_by_features"], c["monte_carlo_dropout"], c["consistency"]]
        for name, c in numbers["single_frames"].items()
    ]
    kinds = {kind: _total(runs) for kind, runs in numbers["counts"].items()}
    kinds["all"] = _total(list(kinds.values()))
    withheld = (
        Column("fault"),
        Column("frames", "{:d}"),
        Column("poses wrong by over 0.5 m", "{:d}"),
        Column("of these withheld", "{:.1f} %"),
        Column("good poses withheld", "{:.2f} %"),
    )
    return [
        Table("Covariance", columns, rows),
        Table("Rank correlation with the error of a frame's own position", predictors, single),
        Table("Withheld poses", withheld, [_row(*i) for i in kinds.items()]),
    ]


def _total(runs: list[dict[str, int]]) -> dict[str, int]:
    return {name: sum(run[name] for run in runs) for name in COUNTS}


def _row(kind: str, counts: dict[str, int]) -> list[Cell]:
    of_wrong = 100.0 * counts["wrong_withheld"] / counts["wrong"] if counts["wrong"] else None
    return [kind, counts["frames"], counts["wrong"], of_wrong, 100.0 * counts["good_withheld"] / counts["good"]]


def notes(numbers: dict[str, Any]) -> dict[str, str]:
    """Aims and the values reached."""
    c, total = numbers["consistency"]["test"], _total([_total(runs) for runs in numbers["counts"].values()])
    wrong, good = total["wrong_withheld"] / max(1, total["wrong"]), total["good_withheld"] / total["good"]
    rank = min(c["rank_m"], c["rank_deg"])

    return {
        "mean NEES: within its 95 % band": f"{c['nees']:.2f}: {judged(c['band'][0] <= c['nees'] <= c['band'][1])}",
        "rank correlation of error and covariance: at least 0.5": f"{rank:.3f}: {judged(rank >= AIMS['rank'])}",
        "wrong poses withheld: at least 95 %": f"{100 * wrong:.1f} %: {judged(wrong >= AIMS['withheld of wrong'])}",
        "good poses withheld: at most 2 %": f"{100 * good:.2f} %: {judged(good <= AIMS['withheld of good'])}",
    }


def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(IntegrityConfig, description=__doc__)
    if config.threads:
        torch.set_num_threads(config.threads)
    numbers = measure(config)
    file = BenchmarkFile.of(
        __file__,
        title="Covariance and integrity",
        tables=tables(numbers),
        notes=notes(numbers),
        runs=numbers,
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
