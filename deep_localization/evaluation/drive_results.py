"""Estimates along one drive, by stamp, in one record for offline and live evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from localization_common.geometry import planar

Array = npt.NDArray[np.float64]
Stamps = npt.NDArray[np.int64]
Image = npt.NDArray[np.uint8]
Bounds = tuple[float, float, float, float]

T = TypeVar("T")


@dataclass(frozen=True)
class BeliefRecord:
    """Belief of the particle filter after one frame.

    Attributes:
        pose: x, y, yaw (3,) of the base in the map; None while the filter is not localized and publishes no pose.
        density: belief (ny, nx) per square metre, summed over yaw, row 0 at the smallest y; None if it was not kept.
        bounds: min_x, min_y, max_x, max_y of the density, metres.
    """

    pose: Array | None
    density: Array | None = None
    bounds: Bounds = (0.0, 0.0, 1.0, 1.0)


@dataclass
class Results:
    """Estimates along one drive; the keys of all mappings are image stamps in nanoseconds.

    Attributes:
        source: ``offline`` or ``live``.
        map_T_base: published poses (4, 4); a lost localizer publishes none.
        odom_T_base: integrated odometry (4, 4).
        labels: class ids (H, W) in the size of the source image, 255 outside the network's view.
        beliefs: beliefs of the particle filter.
        latency_ms: time from the arrival of a frame to its pose (live), or time of the computation alone (offline).
        refused: frames that the network refused, with the reason; offline only.
        frames_in: number of frames that the source delivered.
        frames_received: number of frames that arrived at the node; with two nodes, the smaller number.
        frames_processed: number of frames that the network processed; with two nodes, the smaller number.
        frames_dropped: number of frames that were replaced by a newer one; with two nodes, the larger number.
    """

    source: str
    map_T_base: dict[int, Array] = field(default_factory=dict)
    odom_T_base: dict[int, Array] = field(default_factory=dict)
    labels: dict[int, Image] = field(default_factory=dict)
    beliefs: dict[int, BeliefRecord] = field(default_factory=dict)
    latency_ms: dict[int, float] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    frames_in: int = 0
    frames_received: int = 0
    frames_processed: int = 0
    frames_dropped: int = 0

    @property
    def planar_T_base(self) -> dict[int, Array]:
        """Poses (4, 4) of the particle filter, at height zero."""
        poses = {stamp: belief.pose for stamp, belief in self.beliefs.items()}
        return {stamp: planar.to_se3(pose) for stamp, pose in poses.items() if pose is not None}

    @property
    def lost_in_transport(self) -> int:
        """Number of frames that the source delivered and the node did not receive."""
        return self.frames_in - self.frames_received


def trajectory(poses: Mapping[int, Array]) -> tuple[Stamps, Array]:
    """Stamps (N,) in order and poses (N, ...) of a mapping from stamp to pose, which must not be empty."""
    stamps = np.array(sorted(poses), dtype=np.int64)
    return stamps, np.stack([poses[int(stamp)] for stamp in stamps])


def common_stamps(first: Mapping[int, T], stamps: Stamps) -> tuple[Stamps, npt.NDArray[np.int64]]:
    """Find the stamps that a record shares with sorted `stamps` (N,), and their positions there."""
    shared = np.array(sorted(set(first) & set(stamps.tolist())), dtype=np.int64)
    return shared, np.searchsorted(stamps, shared)
