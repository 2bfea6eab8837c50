"""Speed of the DMN's belief update and of the direct form: ``python benchmarks/dmn_speed.py --help``.

The paper's plain form has random weights and 8x8x32 features of 32x32 images. All measured functions run in turns, so
that other load of the computer affects all of them. Times, and ratios of times, are the best of all rounds, because
other processes only add time; medians are beside them. The CNN of the query image is not included.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
import tyro

from benchmark_file import BenchmarkFile
from dmn_speed_tables import notes, tables
from dmn_speed_updates import MANY_VIEWS, SHIPPED_VIEWS, BeliefUpdate, DmnSpeedConfig, filter_update

BENCHMARKS = Path(__file__).resolve().parent
#: Number of calls in a turn, of which the best counts: at the first call, the caches hold data of another function.
CALLS = 3
#: Numbers of particles and of views for the measurement of scaling.
PARTICLE_COUNTS, VIEW_COUNTS = (256, 512, 1024, 2048, 4096, 8192, 16384), (1, 2, 4, 8, 16, 32, 64, 128)


def rooms_per_second(count: int) -> float:
    """Measure the rooms that `worlds_generate` makes in a second, a process on each core, including their start."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "localization_sim.commands.generate_worlds", "rooms", "--output", directory]
        command += ["--train", str(count), "--validation", "0", "--test", "0", "--shard-megabytes", "2"]
        started = time.perf_counter()
        subprocess.run(command, check=True, cwd=BENCHMARKS.parent, stdout=subprocess.DEVNULL)
        return count / (time.perf_counter() - started)


def rounds(runs: Mapping[str, Callable[[], object]], seconds: float, device: str) -> list[dict[str, float]]:
    """Measure milliseconds of each function in rounds for some seconds; each round begins with another function."""
    names = list(runs)
    found: list[dict[str, float]] = []
    for run in runs.values():
        run()
    end = time.perf_counter() + seconds
    while len(found) < 5 or time.perf_counter() < end:
        shift = len(found) % len(names)
        found.append({n: min(_timed(runs[n], device) for _ in range(CALLS)) for n in names[shift:] + names[:shift]})
    return found


def _timed(run: Callable[[], object], device: str) -> float:
    started = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - started)


def extra_mb(config: DmnSpeedConfig, way: str) -> float:
    """Measure the peak memory of an evaluation in this process, without network, map and particles."""
    belief = BeliefUpdate(config)
    BeliefUpdate(config, particles=8).direct()  # libraries take memory for themselves at first use
    BeliefUpdate(config, particles=8).factorised()
    evaluate = {"direct": belief.direct, "factorised": belief.factorised}
    if config.device == "cuda":
        held = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        evaluate[way]()
        return (torch.cuda.max_memory_allocated() - held) / 1e6
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
    before = _status_kb("VmRSS")
    evaluate[way]()
    return (_status_kb("VmHWM") - before) * 1024 / 1e6


def _status_kb(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return float(found[1])


def _memory_elsewhere(config: DmnSpeedConfig, way: str) -> float:
    """Run `extra_mb` in another process, so that no freed memory of this one is reused."""
    command = [sys.executable, str(BENCHMARKS / "dmn_speed.py"), "--memory-of", way, "--device", config.device]
    command += ["--threads", str(config.threads), "--seed", str(config.seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=BENCHMARKS.parent)
    return float(done.stdout.split()[-1])


def measure(config: DmnSpeedConfig) -> dict[str, Any]:
    """Measure everything, under the names of the JSON file."""
    belief, many = BeliefUpdate(config), BeliefUpdate(config, views=MANY_VIEWS)
    runs: dict[str, Callable[[], object]] = {
        "direct": belief.direct,
        "factorised": belief.factorised,
        "half": belief.half,
        "n64": many.factorised,
        "filter_2k": filter_update(config, 2_000),
        "filter_200k": filter_update(config, 200_000),
    }
    updates = rounds(runs, 0.6 * config.seconds, config.device)
    sizes = {f"K={k}": BeliefUpdate(config, particles=k).factorised for k in PARTICLE_COUNTS}
    sizes |= {f"N={n}": BeliefUpdate(config, views=n).factorised for n in VIEW_COUNTS}
    sizes["shipped"] = BeliefUpdate(config, views=SHIPPED_VIEWS, shipped=True).factorised
    scaling = rounds(sizes, 0.4 * config.seconds, config.device)
    difference = (belief.direct() - belief.factorised()).abs().max()
    memory = {way: _memory_elsewhere(config, way) for way in ("direct", "factorised")}
    best = {name: min(r[name] for r in updates) for name in runs}
    grown = {name: min(r[name] for r in scaling) for name in sizes}
    return {
        **{f"{name}_ms": ms for name, ms in best.items()},
        "median_ms": {name: median(r[name] for r in updates) for name in runs},
        "faster_than_direct": {name: best["direct"] / best[name] for name in ("factorised", "half")},
        "max_abs_difference": float(difference),
        "direct_mb": memory["direct"],
        "factorised_mb": memory["factorised"],
        "rooms_per_s": rooms_per_second(600 if config.quick else 3000),
        "shipped_ms": grown.pop("shipped"),
        "scaling_ms": grown,
        "rounds_ms": updates,
    }


@torch.inference_mode()
def main() -> None:
    """Measure, print the tables, write the file."""
    config = tyro.cli(DmnSpeedConfig, description=__doc__)
    config = replace(config, threads=config.threads or torch.get_num_threads())
    if config.quick:
        config = replace(config, seconds=config.seconds / 10.0)
    torch.set_num_threads(config.threads)
    if config.memory_of:
        print(extra_mb(config, config.memory_of))
        return
    found = measure(config)
    file = BenchmarkFile.of(
        __file__,
        title="Speed of the DMN",
        tables=tables(found),
        notes=notes(found),
        runs={"rounds_ms": found.pop("rounds_ms")},
        about={"device": config.device, "threads": str(config.threads), "seed": str(config.seed)},
    )
    file.publish(config.json, found)


if __name__ == "__main__":
    main()
