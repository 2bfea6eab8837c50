"""Both nodes in one process behind a camera of 30 Hz: ``python benchmarks/node_pace.py --help``.

A drive through the shipped apartment is rendered at VGA, and published in real time from another process. Counted are
the frames that each node dropped, and the time from the publication of an image to the arrival of its results.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from benchmark_file import BenchmarkFile, Cell, Column, Table, judged
from deep_localization.evaluation.models import Models
from deep_localization.evaluation.node_waits import FRAME_WITHIN, wait_until_ready
from deep_localization.evaluation.processes import Processes, adopt, ros_environment
from localization_common.camera import Camera
from localization_common.datasets.sequence import Sequence
from localization_common.files.shipped_files import shipped
from localization_sim.drive import as_sequence, in_memory, plan
from localization_sim.rendering import open_apartment
from vlocnet_ros.commands.export import export_onnx

BASE_FRAME = "base_link"
#: Aims: share of dropped frames, and 95th percentile of the latency, milliseconds.
MOST_DROPPED, LATENCY_MS = 0.0, 60.0
NODES = ("vlocnet", "dmn")


@dataclass(frozen=True)
class NodePaceConfig:
    """Measure both nodes at the rate of a camera.

    Attributes:
        backends: backends of the vlocnet node that take turns.
        rate: images per second.
        seconds: length of the drive.
        width, height: size of the images, 90 degrees wide.
        rounds: number of rounds; each has one run of each backend.
        threads: number of threads of the network in each node.
        quick: one round of ten seconds.
        json: file for the numbers.
    """

    backends: tuple[str, ...] = ("torch", "auto")
    rate: float = 30.0
    seconds: float = 30.0
    width: int = 640
    height: int = 480
    rounds: int = 3
    threads: int = 1
    quick: bool = False
    json: Path | None = None


def drive(config: NodePaceConfig) -> Sequence:
    """Render the beginning of the apartment's test drive."""
    with open_apartment(0, Camera.from_field_of_view(config.width, config.height, 90.0)) as renderer:
        frames = as_sequence(renderer, plan(renderer, "test", rate=config.rate), depth=False, labels=False)
        return in_memory(frames.select(np.arange(min(len(frames), round(config.seconds * config.rate)))))


def run(config: NodePaceConfig, backend: str, frames: Sequence, models: Models, logs: Path) -> dict[str, float]:
    """Play the drive once to the composed nodes; return the numbers of the run."""
    environment = ros_environment(shipped("config/fastdds.xml"))
    adopt(environment)
    from localization_common.ros.listener import listening

    domain = int(environment["ROS_DOMAIN_ID"])
    topics = {"vlocnet/pose": "pose", "dmn/pose": "pose", "vlocnet/processed": "header", "dmn/processed": "header"}
    with Processes(logs, environment) as processes, listening(topics, domain=domain) as listener:
        player = listener.player(frames, base_frame=BASE_FRAME, odometry=True)
        processes.start("localization", _command(config, backend, models))
        wait_until_ready(listener, processes, models)
        listener.wait(lambda: player.wait_for_subscribers(1, 1, timeout=FRAME_WITHIN), FRAME_WITHIN)
        before = _counts(listener)
        period, start = 1.0 / config.rate, time.monotonic() + 0.1
        due = iter(range(len(frames)))

        def pace(stamp: int) -> None:
            time.sleep(max(0.0, start + next(due) * period - time.monotonic()))

        player.play(before_image=pace)
        listener.wait_for_status([f"/{name}" for name in NODES], timeout=FRAME_WITHIN)
        sent, after = player.published, _counts(listener)
        found: dict[str, float] = {}
        for name in NODES:
            received, dropped = (after[name][i] - before[name][i] for i in (0, 1))
            arrived = {s: r.received for s, r in listener.recorder.by_stamp(f"{name}/processed").items()}
            latency = np.array([1e3 * (arrived[s] - sent[s]) for s in sent if s in arrived])
            found |= {
                f"{name} dropped": dropped / max(1, received),
                f"{name} lost": 1.0 - received / len(frames),
                f"{name} p50 ms": float(np.quantile(latency, 0.5)),
                f"{name} p95 ms": float(np.quantile(latency, 0.95)),
            }
        return found


def _counts(listener: Any) -> dict[str, tuple[int, int]]:
    """Frames that each node has received and dropped."""
    values = {name: listener.status(f"/{name}").values for name in NODES}
    return {name: (int(v["frames received"]), int(v["frames dropped"])) for name, v in values.items()}


def _command(config: NodePaceConfig, backend: str, models: Models) -> list[str]:
    values = {
        "base_frame_id": BASE_FRAME,
        "threads": config.threads,
        "vlocnet:checkpoint": models.vlocnet,
        "vlocnet:backend": backend,
        "dmn:checkpoint": models.dmn,
        "dmn:map_path": models.map,
        "dmn:tf_mode": "none",
    }
    given = [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
    return ["-m", "deep_localization.node", "--ros-args", *given]


@contextmanager
def exported_models() -> Iterator[Models]:
    """Shipped networks of the apartment, with the exported file beside a copy of vlocnet's."""
    with tempfile.TemporaryDirectory() as folder:
        vlocnet = Path(folder) / "vlocnet.safetensors"
        shutil.copyfile(shipped("models/vlocnet_apartment_light.safetensors"), vlocnet)
        export_onnx(vlocnet, vlocnet.with_suffix(".onnx"))
        yield Models(
            vlocnet=vlocnet,
            dmn=shipped("models/dmn_apartment.safetensors"),
            map=shipped("models/apartment_map.safetensors"),
        )


def main() -> None:
    """Measure, print the table, write the file."""
    config = tyro.cli(NodePaceConfig, description=__doc__)
    if config.quick:
        config = replace(config, rounds=1, seconds=10.0)
    runs: dict[str, list[dict[str, float]]] = {backend: [] for backend in config.backends}
    with exported_models() as models, tempfile.TemporaryDirectory() as logs:
        frames = drive(config)  # after the export: triton and Mesa each bring an LLVM
        for number in range(config.rounds):
            for backend in config.backends:
                runs[backend].append(run(config, backend, frames, models, Path(logs) / f"{backend}{number}"))
                print(backend, runs[backend][-1], file=sys.stderr)
    best = {b: {key: float(np.median([r[key] for r in found])) for key in found[0]} for b, found in runs.items()}
    columns = (
        Column("backend of vlocnet"), Column("node"), Column("dropped", "{:.1%}"),
        Column("latency, median", "{:.0f} ms"), Column("latency, 95 %", "{:.0f} ms"),
    )  # fmt: skip
    rows: list[list[Cell]] = [
        [backend, name, *(values[f"{name} {key}"] for key in ("dropped", "p50 ms", "p95 ms"))]
        for backend, values in best.items()
        for name in NODES
    ]
    last = best[config.backends[-1]]
    dropped, slowest = (max(last[f"{name} {key}"] for name in NODES) for key in ("dropped", "p95 ms"))
    notes = {
        f"frames dropped: at most {MOST_DROPPED:.0%}": f"{dropped:.1%}: {judged(dropped <= MOST_DROPPED)}",
        f"latency, 95 %: at most {LATENCY_MS:.0f} ms": f"{slowest:.0f} ms: {judged(slowest <= LATENCY_MS)}",
    }
    title = f"Both nodes in one process at {config.rate:.0f} Hz, {config.width} x {config.height}"
    file = BenchmarkFile.of(
        __file__,
        title=title,
        tables=[Table(title, columns, rows)],
        notes=notes,
        runs=runs,
        about={"threads": str(config.threads)},
    )
    file.publish(config.json, best)


if __name__ == "__main__":
    main()
