"""Speed of VLocNet++ in several variants and of a matrix product: ``python benchmarks/vlocnet_speed.py --help``.

Every variant and a large matrix product run in every round, so that other load of the computer affects all of them.
Ratios are those within a round; the tables have medians over the rounds.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
import tyro

from benchmark_file import BenchmarkFile, Cell, Column, Table, judged
from localization_common.errors import LocalizationError
from vlocnet_ros.commands.complexity import size
from vlocnet_ros.config import VLocNetConfig
from vlocnet_ros.network.vlocnetpp import VLocNet
from vlocnet_ros.runtime.checkpoint import load_vlocnet, save_vlocnet
from vlocnet_variants import CPU_ONLY, CUDA_ONLY, PAIR, STEP, UNLABELLED, VARIANTS, export, make

BENCHMARKS = Path(__file__).resolve().parent
WIDTHS: dict[str, Callable[[], VLocNetConfig]] = {
    "light": VLocNetConfig.light,
    "shallow": VLocNetConfig.shallow,
    "paper": VLocNetConfig.paper,
}
#: Side of the matrices whose product measures the speed of the computer.
MATRIX = {"cpu": 2048, "cuda": 8192}
#: Seconds for which a variant runs before it is measured: threads of the library before still spin, which costs a
#: library that has all cores a quarter of its speed. A robot runs one library.
WARM_UP_S = 0.1
#: Aim for the speed of the streaming step over that of a pair.
STEP_AIM = 1.7
#: Aims for the speed of the fastest variant on a CPU over that of a pair.
BEST_AIMS = {"light": 5.0, "paper": 4.0}
#: Aims for the time of the fastest variant over the floor.
FLOOR_AIMS = {("light", "cpu"): 1.5, ("light", "cuda"): 2.0, ("paper", "cuda"): 2.0}


@dataclass(frozen=True)
class VlocnetSpeedConfig:
    """Measure the speed of VLocNet++.

    Attributes:
        widths: networks, light, shallow or paper, with random weights.
        devices: cpu, cuda; by default all devices of the computer.
        variants: variants to measure; by default all.
        seconds: time for the rounds of one network on one device.
        threads: CPU threads; 0: one for each core.
        seed: seed of the weights.
        quick: a tenth of the rounds, the paper's width without the compiled variant: under five minutes on two cores.
        json: file for the numbers.
    """

    widths: tuple[str, ...] = tuple(WIDTHS)
    devices: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    seconds: float = 300.0
    threads: int = 0
    seed: int = 0
    quick: bool = False
    json: Path | None = None

    def wanted(self, width: str, device: str) -> list[str]:
        """List the variants to measure."""
        names = [name for name in VARIANTS if name not in (CPU_ONLY if device == "cuda" else CUDA_ONLY)]
        if self.quick and width == "paper":
            names.remove("compiled")
        return [name for name in names if not self.variants or name in (PAIR, STEP, *self.variants)]


def measure(config: VlocnetSpeedConfig, width: str, device: str, checkpoint: Path) -> dict[str, Any]:
    """Measure one network on one device, under the names of the JSON file."""
    runs, missing = _prepare(config, width, device, checkpoint)
    side = MATRIX[device]
    matrix = torch.rand(side, side, device=device)
    product = torch.empty_like(matrix)

    def multiply() -> None:
        torch.mm(matrix, matrix, out=product)
        if device == "cuda":
            torch.cuda.synchronize()

    rounds = _rounds({**runs, "matrix": multiply}, config.seconds)
    counted = size(load_vlocnet(checkpoint).network)
    floors = [r["matrix"] * counted.step / side**3 for r in rounds]
    times = {name: median(r[name] for r in rounds) for name in runs}
    best = min((name for name in runs if name not in (PAIR, UNLABELLED)), key=lambda name: times[name])
    peaks = {name: _peak_mb(name, checkpoint, device, config.threads) for name in runs}
    return {
        "pair_ms": times[PAIR],
        "step_ms": times[STEP],
        "best_ms": times[best],
        "best_backend": best,
        "floor_ms": median(floors),
        "peak_mb": peaks[best],
        "ms": times,
        "faster_than_pair": {name: median(r[PAIR] / r[name] for r in rounds) for name in runs},
        "over_floor": {name: median(r[name] / f for r, f in zip(rounds, floors, strict=True)) for name in runs},
        "peaks_mb": peaks,
        "multiply_adds": {PAIR: counted.pair, STEP: counted.step},
        "matrix_gflops": 2e-6 * side**3 / median(r["matrix"] for r in rounds),
        "missing": missing,
        "rounds_ms": rounds,
    }


def _prepare(
    config: VlocnetSpeedConfig, width: str, device: str, checkpoint: Path
) -> tuple[dict[str, Any], dict[str, str]]:
    """Prepare and warm the variants; return them and the reasons of missing ones."""
    runs, missing = {}, {}
    for name in config.wanted(width, device):
        print(f"{width}, {device}: {name}", flush=True)
        try:
            if name.startswith(("onnx", "openvino")):
                export(checkpoint)
            run = make(name, checkpoint, device, config.threads)
            for _ in range(3):
                run()
        except (LocalizationError, RuntimeError, ImportError) as error:
            if name in (PAIR, STEP):
                raise
            missing[name] = str(error).strip().splitlines()[0]
        else:
            runs[name] = run
    return runs, missing


def _rounds(runs: dict[str, Callable[[], object]], seconds: float) -> list[dict[str, float]]:
    """Measure milliseconds of each variant in rounds until the time is over; each round begins with another one."""
    names = list(runs)
    rounds: list[dict[str, float]] = []
    end = time.perf_counter() + seconds
    while len(rounds) < 3 or time.perf_counter() < end:
        found = {}
        shift = len(rounds) % len(names)
        for name in names[shift:] + names[:shift]:
            begun = time.perf_counter()
            while time.perf_counter() - begun < WARM_UP_S:
                runs[name]()
            started = time.perf_counter()
            runs[name]()
            found[name] = 1e3 * (time.perf_counter() - started)
        rounds.append(found)
    return rounds


def _peak_mb(variant: str, checkpoint: Path, device: str, threads: int) -> float:
    """Measure the peak memory of a variant in another process, with Python and its libraries."""
    command = [sys.executable, str(BENCHMARKS / "vlocnet_variants.py"), variant, str(checkpoint), device, str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=BENCHMARKS.parent)
    return float(done.stdout.split()[-1])


COLUMNS = (
    Column("network"),
    Column("device"),
    Column("run as"),
    Column("time of a frame", "{:.1f} ms"),
    Column("faster than a pair", "{:.2f}x"),
    Column("over the floor", "{:.2f}x"),
    Column("peak memory", "{:.0f} MB"),
)


def table(results: dict[str, dict[str, dict[str, Any]]]) -> Table:
    """Make the table, with a row for each variant."""
    rows: list[list[Cell]] = []
    for width, devices in results.items():
        for device, r in devices.items():
            for name, ms in r["ms"].items():
                ratios = [r["faster_than_pair"][name], r["over_floor"][name], r["peaks_mb"][name]]
                rows.append([width, device, VARIANTS[name], ms, *ratios])
            rows.append([width, device, "the floor", r["floor_ms"], r["pair_ms"] / r["floor_ms"], 1.0, None])
    return Table("Time of a frame", COLUMNS, rows)


def notes(results: dict[str, dict[str, dict[str, Any]]]) -> dict[str, str]:
    """Aims and the values reached, and the work of a frame."""
    noted = {
        "floor": "the streaming step's multiply-adds at the rate of a large single-precision matrix product, "
        "measured in the same rounds"
    }
    for width, devices in results.items():
        for device, r in devices.items():
            step, best = r["faster_than_pair"][STEP], r["faster_than_pair"][r["best_backend"]]
            here = f"{width}, {device}"
            noted[f"{here}, speed of the streaming step over a pair: at least {STEP_AIM} times"] = (
                f"{step:.2f} times: {judged(step >= STEP_AIM)}"
            )
            if device == "cpu" and (aim := BEST_AIMS.get(width, 0.0)) > 0.0:
                noted[f"{here}, speed of the fastest variant over a pair: at least {aim} times"] = (
                    f"{best:.2f} times ({r['best_backend']}): {judged(best >= aim)}"
                )
            if (aim := FLOOR_AIMS.get((width, device), 0.0)) > 0.0:
                over = r["over_floor"][r["best_backend"]]
                noted[f"{here}, time of the fastest variant over the floor: at most {aim} times"] = (
                    f"{over:.2f} times ({r['best_backend']}): {judged(over <= aim)}"
                )
            adds = " and ".join(f"{count / 1e9:.2f} ({name})" for name, count in r["multiply_adds"].items())
            noted[f"{here}, work"] = f"{adds} billion multiply-adds; matrix product at {r['matrix_gflops']:.0f} GFLOP/s"
            noted |= {f"{here}, without {name}": reason for name, reason in r["missing"].items()}
    return noted


def main() -> None:
    """Measure, print the tables, write the file."""
    config = tyro.cli(VlocnetSpeedConfig, description=__doc__)
    config = replace(config, threads=config.threads or torch.get_num_threads())
    if config.quick:
        config = replace(config, seconds=config.seconds / 10.0)
    torch.set_num_threads(config.threads)
    devices = config.devices or (("cpu", "cuda") if torch.cuda.is_available() else ("cpu",))
    results: dict[str, dict[str, dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for width in config.widths:
            torch.manual_seed(config.seed)
            checkpoint = Path(folder) / f"{width}.safetensors"
            save_vlocnet(checkpoint, VLocNet(WIDTHS[width]()))
            results[width] = {device: measure(config, width, device, checkpoint) for device in devices}
    file = BenchmarkFile.of(
        __file__,
        title="Speed of VLocNet++",
        tables=[table(results)],
        notes=notes(results),
        runs={f"{w}, {d}": r.pop("rounds_ms") for w, devices in results.items() for d, r in devices.items()},
        about={"threads": str(config.threads), "seed": str(config.seed)},
    )
    file.publish(config.json, results)


if __name__ == "__main__":
    main()
