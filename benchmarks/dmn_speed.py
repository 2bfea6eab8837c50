"""How fast the DMN's belief update runs here, against the paper's way of writing it: ``--help`` says how to ask.

The paper's plain form with random weights, 8x8x32 features of 32x32 images. What is timed takes turns, round after
round, so that whatever else the machine does falls on all alike. Times, and ratios of them, are the best of all turns,
since another process on one of the cores only ever adds; medians stand beside them. The query's CNN is not in them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import tyro
from torch import Tensor

from benchmark_file import BenchmarkFile, Cell, Column, Table, judged
from dmn_ros.config import NetworkConfig
from dmn_ros.filter.clusters import densest_cluster, mean_and_covariance
from dmn_ros.filter.filter_config import FilterConfig
from dmn_ros.filter.particle_filter import ParticleFilter
from dmn_ros.network.dmn import DMN
from dmn_ros.network.observation import AttentionObservation

BENCHMARKS = Path(__file__).resolve().parent
PARTICLES, VIEWS, MANY_VIEWS = 2048, 4, 64
#: Each turn is the best of so many calls: the first finds the caches full of what another one left there.
CALLS = 3
#: What scaling is shown over.
PARTICLE_COUNTS, VIEW_COUNTS = (256, 512, 1024, 2048, 4096, 8192, 16384), (1, 2, 4, 8, 16, 32, 64, 128)
#: Milliseconds at most; how many times as fast as the direct evaluation; its memory over ours.
LIMITS = {"factorised_ms": 8.0, "n64_ms": 50.0, "filter_2k_ms": 0.7, "filter_200k_ms": 67.0}
FASTER, SMALLER = 20.0, 10.0
LIMITED = {
    "factorised_ms": f"factorised update, {PARTICLES} particles, {VIEWS} views",
    "n64_ms": f"factorised update, {MANY_VIEWS} views",
    "filter_2k_ms": "filter alone, 2,000 particles",
    "filter_200k_ms": "filter alone, 200,000 particles",
}
#: Worlds of the domain rooms to make in a second at least.
ROOMS = 40.0


@dataclass(frozen=True)
class Config:
    """Measure how fast the DMN's belief update and its particle filter run.

    Attributes:
        device: cpu, cuda; the filter without the network is measured there, too.
        seconds: for the rounds.
        threads: on the CPU; 0 for as many as there are cores.
        seed: of weights, features and particles.
        quick: a tenth of the rounds: under five minutes on two cores.
        json: file for the numbers.
        memory_of: for the benchmark itself: print the extra megabytes of this one evaluation, and no more.
    """

    device: str = "cpu"
    seconds: float = 300.0
    threads: int = 0
    seed: int = 0
    quick: bool = False
    json: Path | None = None
    memory_of: str = ""


class Belief:
    """One network, map, image and set of particles, to be evaluated in several ways."""

    def __init__(
        self, config: Config, *, particles: int = PARTICLES, views: int = VIEWS, shipped: bool = False
    ) -> None:
        torch.manual_seed(config.seed)
        network_config = NetworkConfig.light() if shipped else NetworkConfig.paper()
        self.network = DMN(network_config).eval().to(config.device)
        shape = (network_config.feature_channels, *network_config.grid)
        self._device = config.device
        self._views, self._query = self._place(torch.randn(1, views, *shape)), self._place(torch.randn(1, 1, *shape))
        poses = torch.rand(views + particles, 3) * 2.0 - 1.0
        self._poses, self._particles = self._place(poses[None, :views]), self._place(poses[None, None, views:])
        self._prepared = self.network.prepare_map(self._views, self._poses)

    def _place(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._device)

    def direct(self) -> Tensor:
        """As in the paper: a convolution for each particle and view."""
        assert isinstance(self.network.observation, AttentionObservation)
        return self.network.observation.direct(self._views, self._poses, self._query, self._particles)

    def factorised(self) -> Tensor:
        """As the localizer does: what the image gives to the map once, then the particles."""
        query = self.network.prepare_query(self._prepared, self._query)
        return self.network.log_likelihood(self._prepared, query, self._particles)

    def half(self) -> Tensor:
        """The same under autocast, as with the parameter `half`."""
        with torch.autocast(self._device, dtype=torch.bfloat16):
            return self.factorised()


def filter_update(config: Config, count: int) -> Callable[[], object]:
    """One update without a network: motion, weights, resampling, and all that a belief says."""
    filter_config = FilterConfig(
        min_particles=count, max_particles=count, global_particles=count, resample_threshold=1.0
    )
    particle_filter = ParticleFilter(filter_config, (-5.0, -4.0, 5.0, 4.0), config.device)
    log_likelihood, reference = torch.randn(count).to(config.device), torch.randn(256).to(config.device)
    motion = torch.tensor([0.1, 0.01, 0.05])

    def update() -> object:
        particle_filter.move(motion)
        particle_filter.weigh(log_likelihood, reference)
        assert particle_filter.resample()
        particles = particle_filter.particles.cpu().numpy().astype(np.float64)
        weights = particle_filter.log_weights.exp().cpu().numpy().astype(np.float64)
        weights /= weights.sum()
        radii = {"radius_d": filter_config.cluster_d, "radius_a": filter_config.cluster_a}
        return mean_and_covariance(particles, weights), densest_cluster(particles, weights, **radii)

    return update


def rooms_per_second(count: int) -> float:
    """Rooms that `worlds_generate` makes in a second, with a process on each core, starting them included."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "localization_sim.commands.generate_worlds", "rooms", "--output", directory]
        command += ["--train", str(count), "--validation", "0", "--test", "0", "--shard-megabytes", "2"]
        started = time.perf_counter()
        subprocess.run(command, check=True, cwd=BENCHMARKS.parent, stdout=subprocess.DEVNULL)
        return count / (time.perf_counter() - started)


def rounds(runs: Mapping[str, Callable[[], object]], seconds: float, device: str) -> list[dict[str, float]]:
    """Milliseconds of each, round after round until the time is up; each begins with another one."""
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


def extra_mb(config: Config, way: str) -> float:
    """Most memory that an evaluation takes beyond what network, map and particles have, in this process."""
    belief = Belief(config)
    Belief(config, particles=8).direct()  # libraries take memory for themselves at first use
    Belief(config, particles=8).factorised()
    evaluate = {"direct": belief.direct, "factorised": belief.factorised}
    if config.device == "cuda":
        held = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        evaluate[way]()
        return (torch.cuda.max_memory_allocated() - held) / 1e6
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = _status_kb("VmRSS")
    evaluate[way]()
    return (_status_kb("VmHWM") - before) * 1024 / 1e6


def _status_kb(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return float(found[1])


def _memory_elsewhere(config: Config, way: str) -> float:
    """`extra_mb` in a process of its own, so that nothing of what was freed before is used again."""
    command = [sys.executable, str(BENCHMARKS / "dmn_speed.py"), "--memory-of", way, "--device", config.device]
    command += ["--threads", str(config.threads), "--seed", str(config.seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=BENCHMARKS.parent)
    return float(done.stdout.split()[-1])


def measure(config: Config) -> dict[str, Any]:
    """Everything, under the names that the JSON file has."""
    belief, many = Belief(config), Belief(config, views=MANY_VIEWS)
    runs: dict[str, Callable[[], object]] = {
        "direct": belief.direct,
        "factorised": belief.factorised,
        "half": belief.half,
        "n64": many.factorised,
        "filter_2k": filter_update(config, 2_000),
        "filter_200k": filter_update(config, 200_000),
    }
    told = rounds(runs, 0.6 * config.seconds, config.device)
    sizes = {f"K={k}": Belief(config, particles=k).factorised for k in PARTICLE_COUNTS}
    sizes |= {f"N={n}": Belief(config, views=n).factorised for n in VIEW_COUNTS}
    sizes["shipped"] = Belief(config, views=80, shipped=True).factorised
    scaling = rounds(sizes, 0.4 * config.seconds, config.device)
    difference = (belief.direct() - belief.factorised()).abs().max()
    memory = {way: _memory_elsewhere(config, way) for way in ("direct", "factorised")}
    best = {name: min(r[name] for r in told) for name in runs}
    return {
        **{f"{name}_ms": ms for name, ms in best.items()},
        "median_ms": {name: median(r[name] for r in told) for name in runs},
        "faster_than_direct": {name: best["direct"] / best[name] for name in ("factorised", "half")},
        "max_abs_difference": float(difference),
        "direct_mb": memory["direct"],
        "factorised_mb": memory["factorised"],
        "rooms_per_s": rooms_per_second(600 if config.quick else 3000),
        "scaling_ms": {name: min(r[name] for r in scaling) for name in sizes},
        "rounds_ms": told,
    }


def tables(found: dict[str, Any]) -> list[Table]:
    """The update and the filter; then how the update grows."""
    ratio, best, middle = found["faster_than_direct"], "{:.2f} ms", "{:.2f} ms"
    columns = (
        Column("update"),
        Column("best", best),
        Column("median", middle),
        Column("faster than direct", "{:.1f}x"),
    )
    names = {
        "direct": f"direct, {PARTICLES} particles, {VIEWS} views",
        "factorised": "factorised",
        "half": "factorised, bfloat16",
        "n64": f"factorised, {MANY_VIEWS} views",
        "filter_2k": "filter alone, 2,000 particles",
        "filter_200k": "filter alone, 200,000 particles",
    }
    rows: list[list[Cell]] = [
        [text, found[f"{name}_ms"], found["median_ms"][name], ratio.get(name)] for name, text in names.items()
    ]
    grown: list[list[Cell]] = [[name, ms] for name, ms in found["scaling_ms"].items() if name != "shipped"]
    grown.append([f"the shipped network, {PARTICLES} particles, 80 views", found["scaling_ms"]["shipped"]])
    return [
        Table("One belief update, without the CNN of the image", columns, rows),
        Table(
            f"One factorised update with K particles (N={VIEWS}) or N views (K={PARTICLES})",
            (Column("size"), Column("best", best)),
            grown,
        ),
    ]


def notes(found: dict[str, Any]) -> dict[str, str]:
    """Aims, and the values reached."""
    noted = {
        f"{LIMITED[name]}: at most {most:g} ms": f"{found[name]:.2f} ms: {judged(found[name] <= most)}"
        for name, most in LIMITS.items()
    }
    faster, smaller = found["faster_than_direct"]["factorised"], found["direct_mb"] / found["factorised_mb"]
    noted[f"speed of factorised over direct: at least {FASTER:g} times"] = (
        f"{faster:.1f} times: {judged(faster >= FASTER)}"
    )
    difference = found["max_abs_difference"]
    noted["largest difference of factorised from direct: at most 1e-05"] = (
        f"{difference:.1e}: {judged(difference <= 1e-5)}"
    )
    noted[f"memory of factorised: at least {SMALLER:g} times less than direct"] = (
        f"{smaller:.0f} times ({found['factorised_mb']:.1f} MB, {found['direct_mb']:.0f} MB): "
        f"{judged(smaller >= SMALLER)}"
    )
    rooms = found["rooms_per_s"]
    noted[f"rooms generated in a second: at least {ROOMS:g}"] = f"{rooms:.0f}: {judged(rooms >= ROOMS)}"
    return noted


@torch.inference_mode()
def main() -> None:
    """Measure, print, write."""
    config = tyro.cli(Config, description=__doc__)
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
