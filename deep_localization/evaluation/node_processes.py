"""Nodes as child processes: their command lines, their topics, and the results from their topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deep_localization.evaluation.drive_results import BeliefRecord, Results
from deep_localization.evaluation.models import Models
from dmn_ros.filter.filter_config import FilterConfig
from localization_common.geometry import planar

if TYPE_CHECKING:
    from localization_common.ros.listener import Listener
    from localization_common.ros.recorder import GridRecord, Recorder

#: Longest time of one frame on a busy computer, seconds.
SLOWEST_FRAME = 60.0


def commands(
    models: Models,
    *,
    process_all: bool,
    recorded_odometry: bool,
    base_frame: str = "base_link",
    broadcast: bool = False,
    proposals: bool = False,
    threads: int = 1,
    filter_config: FilterConfig | None = None,
) -> dict[str, list[str]]:
    """Arguments for ``python`` that start each node.

    Args:
        models: files of the networks and maps.
        process_all: process every frame, also on a slow computer.
        recorded_odometry: topic ``odom`` moves the particles, instead of vlocnet's odometry.
        base_frame: frame of the published poses.
        broadcast: vlocnet broadcasts map->odom; the particle filter never does.
        proposals: each node proposes its poses to the other.
        threads: number of torch threads of each node.
        filter_config: parameters of the particle filter; None: the defaults.
    """
    common = {"process_all": process_all, "base_frame_id": base_frame, "threads": threads}
    if models.place is not None:
        common["place"] = models.place
    # vlocnet's odometry comes after vlocnet has processed the frame.
    patient = {"odometry_timeout": SLOWEST_FRAME} if process_all else {}
    started = {}
    if "vlocnet" in models.nodes:
        own = _files(models, checkpoint=models.vlocnet, keyframe_map=models.keyframe_map)
        own["tf_mode"] = "map_odom" if broadcast else "none"
        remaps = {"guess": "dmn/pose"} if proposals else {}
        started["vlocnet"] = _command("vlocnet_ros.node", {**common, **patient, **own}, remaps)
    if models.dmn is not None:
        own = _files(models, checkpoint=models.dmn, map_path=models.map)
        values = asdict(filter_config or FilterConfig()) | patient
        remaps = {} if recorded_odometry or models.without_network else {"odom": "vlocnet/odometry"}
        remaps |= {"proposal": "vlocnet/pose"} if proposals else {}
        started["dmn"] = _command("dmn_ros.node", {**common, **values, **own, "tf_mode": "none"}, remaps)
    return started


def _files(models: Models, **named: Path | None) -> dict[str, object]:
    """Parameters with absolute paths; those of the place are left out, because the node finds them."""
    files = {name: path.resolve() for name, path in named.items() if path is not None}
    return {name: path for name, path in files.items() if models.place is None or path.parent != models.place.resolve()}


def _command(module: str, parameters: Mapping[str, object], remaps: Mapping[str, str]) -> list[str]:
    values = {name: str(value).lower() if isinstance(value, bool) else value for name, value in parameters.items()}
    given = [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
    renamed = [word for name, topic in remaps.items() for word in ("-r", f"{name}:={topic}")]
    return ["-m", module, "--ros-args", *given, *renamed]


def collect(listener: Listener, models: Models, sent: Mapping[int, float]) -> Results:
    """Collect results from the recorded topics.

    Args:
        listener: recorder of the topics.
        models: files of the networks.
        sent: stamp of each frame that the source delivered -> time (`time.monotonic` seconds).
    """
    recorder = listener.recorder
    results = Results("live", frames_in=len(sent))
    if "vlocnet" in models.nodes:
        results.map_T_base = {stamp: r.matrix for stamp, r in recorder.by_stamp("vlocnet/pose").items()}
        odometry = recorder.by_stamp("vlocnet/odometry")
        results.odom_T_base = {stamp: r.matrix for stamp, r in odometry.items()}
        results.labels = {stamp: r.image for stamp, r in recorder.by_stamp("segmentation/mask").items()}
        # A network without odometry stream: the message at the end of each frame.
        last_messages = odometry or recorder.by_stamp("vlocnet/processed")
        arrived = {stamp: r.received for stamp, r in last_messages.items()}
        results.latency_ms = {s: 1e3 * (t - sent[s]) for s, t in arrived.items() if s in sent}
    if models.dmn is not None:
        results.beliefs = _beliefs(recorder)
    statuses = [status for name in models.nodes if (status := listener.status(f"/{name}")) is not None]
    if len(statuses) == len(models.nodes):
        received, processed, dropped = (
            [int(status.values[f"frames {kind}"]) for status in statuses]
            for kind in ("received", "processed", "dropped")
        )
        results.frames_received, results.frames_processed = min(received), min(processed)
        results.frames_dropped = max(dropped)
    return results


def _beliefs(recorder: Recorder) -> dict[int, BeliefRecord]:
    poses = {stamp: planar.from_se3(r.matrix) for stamp, r in recorder.by_stamp("dmn/pose").items()}
    grids = {stamp: _density(r) for stamp, r in recorder.by_stamp("dmn/belief").items()}
    without = (None, (0.0, 0.0, 1.0, 1.0))
    return {s: BeliefRecord(poses.get(s), *grids.get(s, without)) for s in sorted(poses.keys() | grids.keys())}


def _density(grid: GridRecord) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Convert a published grid, whose heaviest cell is 1, to a density per square metre."""
    shares = np.nan_to_num(grid.occupancy)
    min_x, min_y, max_x, max_y = grid.bounds
    cell = (max_x - min_x) / shares.shape[1] * (max_y - min_y) / shares.shape[0]
    return shares / max(float(shares.sum()), 1e-9) / cell, grid.bounds
