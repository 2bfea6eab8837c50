"""Recovery of dmn after a kidnapping, and the effect of vlocnet's poses: ``python benchmarks/dmn_robot.py --help``.

The shipped networks and filter run on the held-out loop of the apartment, frame by frame as on a robot, with the
recorded wheel odometry. Localised means that the published pose is within 0.5 m of the truth; the column "estimate" is
about the densest cluster, published or not. A frame is a camera frame (5 a second): an image is weighed when the robot
has moved, which is about every second one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from benchmark_file import BenchmarkFile, Cell, Column, Table, judged
from deep_localization.evaluation.offline import proposals_of
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.runtime.localizer import Localizer
from dmn_ros.runtime.replay import NO_PROPOSALS
from filter_trials import FilterTrial, frames_until, run_trial
from kidnapping import Kidnapping, kidnapped
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from vlocnet_ros.runtime.localizer import Localizer as VlocnetLocalizer

MODELS = Path(__file__).resolve().parents[1] / "models"
#: Share of kidnapped robots that recover; frames with proposals over frames without.
AIMS = {"recovered": 0.9, "frames": 0.5}
#: Numbers of particles of a belief over the whole map: the shipped number, then smaller ones.
PARTICLES = (FilterConfig().global_particles, 200, 100)


@dataclass(frozen=True)
class DmnRobotConfig:
    """Measure recovery and proposals in the apartment.

    Attributes:
        drive: held-out sequence, with poses and odometry.
        checkpoint, map, vlocnet: files of the localizers.
        seeds: number of kidnapped robots, each with recovery, with recovery and vlocnet's poses, and without.
        starts: number of starts from a uniform belief.
        frames: number of camera frames of each start.
        threads: number of torch threads.
        filter: parameters of the particle filter.
        quick: a tenth of the seeds and starts.
        json: file for the numbers.
    """

    drive: Path = Path("build/apartment/test")
    checkpoint: Path = MODELS / "dmn_apartment.safetensors"
    map: Path = MODELS / "apartment_map.safetensors"
    vlocnet: Path = MODELS / "vlocnet_apartment_light.safetensors"
    seeds: int = 100
    starts: int = 50
    frames: int = 20
    threads: int = 1
    filter: FilterConfig = field(default_factory=FilterConfig)
    quick: bool = False
    json: Path | None = None


def localizer_of(config: DmnRobotConfig, filter_config: FilterConfig, drive: Sequence) -> Localizer:
    """Open the localizer with this filter, for the camera of the drive."""
    localizer = Localizer.from_files(config.checkpoint, config.map, filter_config=filter_config, threads=config.threads)
    localizer.set_camera(drive.camera)
    return localizer


def kidnappings(config: DmnRobotConfig, drive: Sequence, vlocnet: VlocnetLocalizer) -> dict[str, list[dict[str, Any]]]:
    """Run all kidnappings with recovery on, off, and on with vlocnet's poses as proposals."""
    off = replace(config.filter, recovery_alpha_slow=0.0, recovery_alpha_fast=0.0)
    found: dict[str, list[dict[str, Any]]] = {"on": [], "on, with proposals": [], "off": []}
    for name, runs in found.items():
        localizer = localizer_of(config, off if name == "off" else config.filter, drive)
        for seed in range(config.seeds):
            kidnapping = Kidnapping(seed=seed)
            joined = kidnapped(drive, kidnapping)
            given = proposals_of(vlocnet, joined) if name.endswith("proposals") else NO_PROPOSALS
            runs.append(_after(run_trial(localizer, joined, seed, given), kidnapping.before))
        print(f"recovery {name}: {sum(run['localised'] for run in runs)} of {config.seeds}", flush=True)
    return found


def _after(trial: FilterTrial, before: int) -> dict[str, Any]:
    """Measures of one kidnapping, before and after it."""
    wrong = trial.published[before:] & ~trial.near[before:]
    return {
        "localised_before": bool(trial.localised[before - 1]),
        "localised": bool(trial.localised[-1]),
        "near": bool(trial.near[-1]),
        "frames": frames_until(trial.localised[before:]),
        "wrong_published": int(wrong.sum()),
        "metres": round(float(trial.errors[-1]), 3),
    }


def starts(config: DmnRobotConfig, drive: Sequence, vlocnet: VlocnetLocalizer) -> dict[str, dict[str, Any]]:
    """Measure the frames until each start stays localised, by number of particles and use of vlocnet's poses."""
    begins = [int(np.random.default_rng(s).integers(len(drive) - config.frames + 1)) for s in range(config.starts)]
    drives = [drive.select(np.arange(begin, begin + config.frames)) for begin in begins]
    proposals = [proposals_of(vlocnet, one) for one in drives]
    return {str(count): _started(config, count, drive, drives, proposals) for count in PARTICLES}


def _started(
    config: DmnRobotConfig,
    count: int,
    drive: Sequence,
    drives: list[Sequence],
    proposals: list[dict[int, PlanarGaussian]],
) -> dict[str, Any]:
    """Run all starts with ``count`` particles: without proposals, with proposals, and with unconfirmed proposals."""
    few = replace(config.filter, global_particles=count, min_particles=min(count, config.filter.min_particles))
    found: dict[str, Any] = {}
    for name, trust in (("without", 0.0), ("with", few.proposal_trust), ("unconfirmed", 0.0)):
        localizer = localizer_of(config, replace(few, proposal_trust=trust), drive)
        given = [NO_PROPOSALS] * len(drives) if name == "without" else proposals
        trials = [run_trial(localizer, *one) for one in zip(drives, range(len(drives)), given, strict=True)]
        found[name] = [frames_until(trial.localised) for trial in trials]
        found[f"near {name}"] = [frames_until(trial.near) for trial in trials]
        found[f"published {name}"] = sum(int(trial.published.sum()) for trial in trials)
        found[f"wrong {name}"] = sum(int((trial.published & ~trial.near).sum()) for trial in trials)
        print(
            f"{count} particles, {name}: {np.mean(found[name]):.2f} frames, {found[f'wrong {name}']} wrong", flush=True
        )
    return found


def tables(numbers: dict[str, Any]) -> list[Table]:
    """Make the tables of kidnapped robots and of starts."""
    columns = (
        Column("recovery"),
        Column("robots", "{:d}"),
        Column("localised before", "{:d}"),
        Column("recovered after 20 frames", "{:d}"),
        Column("estimate right after 20 frames", "{:d}"),
        Column("frames until localised, median", "{:.0f}"),
        Column("wrong poses published meanwhile", "{:.1f} %"),
    )
    rows: list[list[Cell]] = []
    for name, runs in numbers["kidnapped"].items():
        sums = [sum(run[key] for run in runs) for key in ("localised_before", "localised", "near")]
        wrong = 100.0 * np.mean([run["wrong_published"] for run in runs]) / Kidnapping().after
        middle = float(np.median([run["frames"] for run in runs]))
        rows.append([name, len(runs), *sums, middle if middle <= Kidnapping().after else None, float(wrong)])
    mean, wrong = "{:.2f}", "{:.2f} %"
    frames = (
        Column("particles for the first image", "{:d}"),
        Column("without proposals", mean),
        Column("with proposals", mean),
        Column("ratio", mean),
        Column("with proposals, agreement not used", mean),
        Column("until the estimate is right, without proposals", mean),
        Column("until the estimate is right, with proposals", mean),
        Column("wrong published poses, without proposals", wrong),
        Column("wrong published poses, with proposals", wrong),
    )
    cells: list[list[Cell]] = []
    for count, runs in numbers["starts"].items():
        means = {name: float(np.mean(values)) for name, values in runs.items() if isinstance(values, list)}
        row: list[Cell] = [int(count), means["without"], means["with"], means["with"] / means["without"]]
        row += [means["unconfirmed"], means["near without"], means["near with"]]
        cells.append(
            [*row, *(100.0 * runs[f"wrong {n}"] / max(1, runs[f"published {n}"]) for n in ("without", "with"))]
        )
    return [
        Table("Kidnapped: carried at least 3 m away between two frames", columns, rows),
        Table("Frames until localised and not lost again, from a uniform belief", frames, cells),
    ]


def notes(numbers: dict[str, Any]) -> dict[str, str]:
    """Aims and the values reached."""
    on, off = (numbers["kidnapped"][name] for name in ("on", "off"))
    again, lost = (float(np.mean([run["localised"] for run in runs])) for runs in (on, off))
    noted = {
        "kidnapped robots that recover: at least 90 %": f"{100 * again:.0f} %: {judged(again >= AIMS['recovered'])}",
        "without recovery": f"{100 * (1.0 - lost):.0f} % stay lost",
    }
    for count, runs in numbers["starts"].items():
        ratio = float(np.mean(runs["with"]) / np.mean(runs["without"]))
        noted[f"frames with proposals over frames without, {count} particles: at most 0.5"] = (
            f"{ratio:.2f}: {judged(ratio <= AIMS['frames'])}"
        )
    return noted


@torch.inference_mode()
def main() -> None:
    """Run the benchmark, print the tables, write the file."""
    config = tyro.cli(DmnRobotConfig, description=__doc__)
    if config.quick:
        config = replace(config, seeds=max(1, config.seeds // 10), starts=max(1, config.starts // 10))
    drive = open_sequence(config.drive).with_poses()
    vlocnet = VlocnetLocalizer.from_checkpoint(config.vlocnet, threads=config.threads)
    numbers = {"kidnapped": kidnappings(config, drive, vlocnet), "starts": starts(config, drive, vlocnet)}
    file = BenchmarkFile.of(
        __file__,
        title="DMN: kidnapped robots and unknown starts",
        tables=tables(numbers),
        notes=notes(numbers),
        runs=numbers,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
