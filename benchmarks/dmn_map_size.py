"""Cost of dmn's localizer by the size of the context map: ``python benchmarks/dmn_map_size.py --help``.

Maps of a building are made from the map of the apartment: its views stay at their place, and copies of its poses fill
the other floor, with the embeddings in another order, so that an image fits one place only. This measures cost, not
accuracy. All maps get the same frames in turn, so that other load of the computer affects all of them.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import tyro

from benchmark_file import BenchmarkFile, Cell, Column, Table, judged
from dmn_map_robots import FRAMES, RADIUS, carried_away, started_lost, summary
from dmn_ros.map.context_map import ContextMap
from dmn_ros.runtime.localizer import Localizer
from localization_common.datasets.opening import open_sequence
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import planar_odometry

MODELS = Path(__file__).resolve().parents[1] / "models"
#: Numbers of views: of the apartment (63 square metres), of about 320, 1,000 and 4,000 square metres at this density.
VIEWS = (80, 400, 1250, 5000)
#: Metres between the corners of copies of the apartment, which is 9 m x 7 m.
STEP = (9.0, 7.0)
#: Largest ratio of the times of a frame: of 1,250 views to the apartment's, and of 5,000 to 1,250.
MOST_GROWTH = 1.2
#: Number of robots that start anywhere in the map, and of robots that are carried away.
STARTS = 10


@dataclass(frozen=True)
class DmnMapSizeConfig:
    """Measure reading, memory and time of a frame by the number of views.

    Attributes:
        drive: held-out sequence, with poses and odometry.
        checkpoint, map: files of the localizer.
        frames: number of frames of a robot that is localized, each of which is weighed.
        threads: number of torch threads.
        quick: a fifth of the frames.
        json: file for the numbers.
    """

    drive: Path = Path("build/apartment/test")
    checkpoint: Path = MODELS / "dmn_apartment.safetensors"
    map: Path = MODELS / "apartment_map.safetensors"
    frames: int = 150
    threads: int = 1
    quick: bool = False
    json: Path | None = None


def building(apartment: ContextMap, views: int) -> ContextMap:
    """Make a map of so many views: the apartment, and copies with embeddings of a random order."""
    copies, size = -(-views // len(apartment)), len(apartment)
    side = math.ceil(math.sqrt(copies))
    corners = [(STEP[0] * (i % side), STEP[1] * (i // side), 0.0) for i in range(copies)]
    generator = torch.Generator().manual_seed(0)
    orders = [torch.arange(size), *(torch.randperm(size, generator=generator) for _ in range(copies - 1))]
    min_x, min_y, max_x, max_y = apartment.bounds
    return replace(
        apartment,
        features=apartment.features[torch.cat(orders)[:views]],
        poses=np.concatenate([apartment.poses + corner for corner in corners])[:views],
        bounds=(min_x, min_y, max_x + max(x for x, _, _ in corners), max_y + max(y for _, y, _ in corners)),
        covariances=np.zeros((0, 3, 3)),
        reliability=np.zeros(0),
    )


def opened(config: DmnMapSizeConfig, views: int, drive: Sequence) -> tuple[Localizer, dict[str, Any]]:
    """Open a localizer with a map of so many views from a file; return it with what reading costs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "map.safetensors")
        building(ContextMap.load(config.map), views).save(path)
        before, started = _resident_mb(), time.perf_counter()
        localizer = Localizer.from_files(config.checkpoint, path, threads=config.threads)
        read_ms = 1e3 * (time.perf_counter() - started)
        localizer.set_camera(drive.camera)
        return localizer, {
            "file_mb": path.stat().st_size / 1e6,
            "read_ms": read_ms,
            "memory_mb": _resident_mb() - before,
        }


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096 / 1e6


def measure(config: DmnMapSizeConfig) -> dict[int, dict[str, Any]]:
    """Measure all sizes: frames of a localized robot, then robots that may be anywhere or are carried away."""
    drive = open_sequence(config.drive).with_poses()
    assert drive.odom_T_base is not None
    odometry, truth = planar_odometry(drive.odom_T_base), planar.from_se3(drive.map_T_base)
    localizers: dict[int, Localizer] = {}
    found: dict[int, dict[str, Any]] = {}
    for views in VIEWS:
        localizers[views], found[views] = opened(config, views, drive)
        localizers[views].reset_gaussian(truth[0], np.diag([0.05, 0.05, 0.05]) ** 2)
    runs: dict[int, dict[str, list[float]]] = {
        views: {"frames_ms": [], "metres": [], "particles": []} for views in VIEWS
    }
    for i in range(min(config.frames // (5 if config.quick else 1), len(drive))):
        image, stamp = drive.read_image(i), int(drive.stamps[i])
        for views, localizer in localizers.items():
            localizer.request_update()
            started = time.perf_counter()
            belief = localizer.step(image, stamp, odometry[i])
            runs[views]["frames_ms"].append(1e3 * (time.perf_counter() - started))
            runs[views]["metres"].append(float(np.linalg.norm(belief.most_likely[:2] - truth[i, :2])))
            runs[views]["particles"].append(len(belief.particles))
    for views, localizer in localizers.items():
        seeds = range(2 if config.quick else STARTS)
        starts = [started_lost(localizer, drive, seed) for seed in seeds]
        carried = [carried_away(localizer, drive, seed) for seed in seeds]
        found[views] |= {"starts": starts, "carried": carried, **runs[views]}
    return found


def growth(found: dict[int, dict[str, Any]], small: int, large: int) -> float:
    """Median over the frames of the ratio of their times with two maps."""
    pairs = zip(found[small]["frames_ms"], found[large]["frames_ms"], strict=True)
    return median(b / a for a, b in pairs)


def tables(found: dict[int, dict[str, Any]]) -> list[Table]:
    """Make the table of sizes."""
    columns = (
        Column("views", "{:d}"),
        Column("map file", "{:.1f} MB"),
        Column("reading", "{:.0f} ms"),
        Column("memory for map and network", "{:.0f} MB"),
        Column("frame, localized (median)", "{:.1f} ms"),
        Column("to the apartment", "{:.2f}"),
        Column("particles (mean)", "{:.0f}"),
        Column("frames within 0.5 m", "{:.0f} %"),
    )
    lost_columns = (
        Column("views", "{:d}"),
        Column("first image (median)", "{:.0f} ms"),
        Column(f"within 0.5 m after {FRAMES} frames", "{:.0f} of {:.0f}"),
        Column("wrong poses published meanwhile", "{:.0f}"),
    )
    rows: list[list[Cell]] = [
        [
            views,
            *(one[name] for name in ("file_mb", "read_ms", "memory_mb")),
            median(one["frames_ms"]),
            growth(found, VIEWS[0], views),
            float(np.mean(one["particles"])),
            100.0 * float(np.mean(np.array(one["metres"]) < RADIUS)),
        ]
        for views, one in found.items()
    ]
    lost: list[list[Cell]] = []
    for views, one in found.items():
        first, near, wrong = ([start[name] for start in one["starts"]] for name in ("first_ms", "found", "wrong"))
        lost.append([views, median(first), (sum(near), len(near)), sum(wrong)])
    carried_columns = (
        Column("views", "{:d}"),
        Column("frames until a right pose (median)", "{:.0f}"),
        Column("frames with a wrong pose (mean)", "{:.1f}"),
        Column("longest frame (median)", "{:.0f} ms"),
    )
    carried: list[list[Cell]] = [[views, *summary(one["carried"])] for views, one in found.items()]
    return [
        Table("Cost by the number of views", columns, rows),
        Table("Robots that may be anywhere", lost_columns, lost),
        Table("Robots that are carried to another place", carried_columns, carried),
    ]


def notes(found: dict[int, dict[str, Any]]) -> dict[str, str]:
    """Aims, and the values reached."""
    noted = {}
    for small, large in ((VIEWS[0], VIEWS[2]), (VIEWS[2], VIEWS[3])):
        ratio = growth(found, small, large)
        noted[f"time of a frame with {large} views to {small} views: at most {MOST_GROWTH:g}"] = (
            f"{ratio:.2f}: {judged(ratio <= MOST_GROWTH)}"
        )
    return noted


def main() -> None:
    """Measure, print the table, write the file."""
    config = tyro.cli(DmnMapSizeConfig, description=__doc__)
    found = measure(config)
    file = BenchmarkFile.of(
        __file__,
        title="DMN: cost by the size of the map",
        tables=tables(found),
        notes=notes(found),
        runs={str(views): one for views, one in found.items()},
        about={"threads": str(config.threads)},
    )
    file.publish(config.json)


if __name__ == "__main__":
    main()
