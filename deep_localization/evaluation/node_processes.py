"""Nodes as child processes: their command lines, their topics, and the results from their topics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deep_localization.evaluation.drive_results import BeliefRecord, Results
from dmn_ros.filter.filter_config import FilterConfig
from localization_common.errors import ConfigError
from localization_common.geometry import planar
from localization_common.place import Place
from localization_common.place.choice import dmn_checkpoint, named_or_part_if_any

if TYPE_CHECKING:
    from localization_common.ros.listener import Listener
    from localization_common.ros.recorder import GridRecord, Recorder

VLOCNET_TOPICS = {
    "vlocnet/pose": "pose",
    "vlocnet/odometry": "odometry",
    "segmentation/mask": "image",
    "vlocnet/processed": "header",
}
DMN_TOPICS = {"dmn/pose": "pose", "dmn/belief": "grid", "dmn/processed": "header"}


@dataclass(frozen=True)
class Models:
    """Files of the networks; the particle filter needs a checkpoint and a map.

    Attributes:
        vlocnet: checkpoint of vlocnet, or None.
        dmn: checkpoint of dmn, or None.
        map: context map of the dmn checkpoint.
        keyframe_map: keyframe map for the refinement of vlocnet's poses, or None.
    """

    vlocnet: Path | None = None
    dmn: Path | None = None
    map: Path | None = None
    keyframe_map: Path | None = None

    def __post_init__(self) -> None:
        if self.vlocnet is None and self.dmn is None:
            raise ConfigError("no checkpoint is given: name one for vlocnet, for dmn (with its map), or both")
        if (self.dmn is None) != (self.map is None):
            raise ConfigError("dmn's checkpoint and its map belong together: give both or neither")
        if self.keyframe_map is not None and self.vlocnet is None:
            raise ConfigError("a keyframe map refines vlocnet's poses: give a checkpoint for vlocnet, too")

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes for these files."""
        return [name for name, file in (("vlocnet", self.vlocnet), ("dmn", self.dmn)) if file is not None]

    @property
    def topics(self) -> dict[str, str]:
        """Topics of the nodes: topic -> kind."""
        vlocnet = VLOCNET_TOPICS if self.vlocnet is not None else {}
        return {**vlocnet, **(DMN_TOPICS if self.dmn is not None else {})}


def models_of(
    place: Path | None, vlocnet: Path | None, dmn: Path | None, context_map: Path | None, keyframe_map: Path | None
) -> Models:
    """Files of the networks: those that a user names, else those that the place has.

    Raises:
        ConfigError: neither a checkpoint of vlocnet nor a context map is named or in the place.
        MapError: the place cannot be read.
    """
    if place is None:
        return Models(vlocnet, dmn, context_map, keyframe_map)
    opened = Place.open(place)
    vlocnet = named_or_part_if_any(vlocnet, opened, "vlocnet")
    context_map = named_or_part_if_any(context_map, opened, "context_map")
    if vlocnet is not None:
        keyframe_map = named_or_part_if_any(keyframe_map, opened, "keyframes")
    return Models(vlocnet, dmn_checkpoint(dmn, opened) if context_map is not None else dmn, context_map, keyframe_map)


#: Longest time of one frame on a busy computer, seconds.
SLOWEST_FRAME = 60.0


def commands(
    models: Models,
    *,
    process_all: bool,
    recorded_odometry: bool,
    base_frame: str = "base_link",
    broadcast: bool = False,
    threads: int = 1,
    filter_config: FilterConfig | None = None,
) -> dict[str, list[str]]:
    """Arguments for ``python`` that start each node.

    Args:
        models: files of the networks.
        process_all: process every frame, also on a slow computer.
        recorded_odometry: topic ``odom`` moves the particles, instead of vlocnet's odometry.
        base_frame: frame of the published poses.
        broadcast: vlocnet broadcasts map->odom; the particle filter never does.
        threads: number of torch threads of each node.
        filter_config: parameters of the particle filter; None: the defaults.
    """
    common = {"process_all": process_all, "base_frame_id": base_frame, "threads": threads}
    started = {}
    if models.vlocnet is not None:
        own: dict[str, object] = {"checkpoint": models.vlocnet.resolve()}
        own["tf_mode"] = "map_odom" if broadcast else "none"
        if models.keyframe_map is not None:
            own["keyframe_map"] = models.keyframe_map.resolve()
        started["vlocnet"] = _command("vlocnet_ros.node", {**common, **own}, {})
    if models.dmn is not None and models.map is not None:
        files = {"checkpoint": models.dmn.resolve(), "map_path": models.map.resolve()}
        values = asdict(filter_config or FilterConfig())
        if process_all:  # vlocnet's odometry comes after vlocnet has processed the frame
            values["odometry_timeout"] = SLOWEST_FRAME
        remaps = {} if recorded_odometry else {"odom": "vlocnet/odometry"}
        started["dmn"] = _command("dmn_ros.node", {**common, **values, **files, "tf_mode": "none"}, remaps)
    return started


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
    if models.vlocnet is not None:
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
