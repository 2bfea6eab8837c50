"""What was estimated along one drive, by stamp: one record, whether localizers were fed or nodes were heard."""

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
    """The particle filter's belief after one frame.

    Attributes:
        pose: (3,) x, y, yaw of the base in the map; None while the filter does not call itself localized and thus
            publishes none.
        density: (ny, nx) belief per square metre summed over yaw, row 0 at the smallest y; None where none was kept.
        bounds: min_x, min_y, max_x, max_y in metres that the density covers.
    """

    pose: Array | None
    density: Array | None = None
    bounds: Bounds = (0.0, 0.0, 1.0, 1.0)


@dataclass
class Results:
    """Estimates along one drive; the keys of all mappings are image stamps in nanoseconds.

    Attributes:
        source: ``offline`` or ``live``.
        map_T_base: poses (4, 4) that were published; a lost localizer publishes none.
        odom_T_base: integrated odometry (4, 4).
        labels: (H, W) class ids in the source image's size, 255 where the network does not see.
        beliefs: of the particle filter.
        latency_ms: from a frame's arrival to its pose (live) or of the computation alone (offline).
        refused: frames that the network refused, with the reason; offline only.
        frames_in: frames that the source delivered.
        frames_received: frames that arrived at the node; at the one that got fewest, if there are two.
        frames_processed: frames that went through the network; at the slower node, if there are two.
        frames_dropped: frames that a newer one replaced before their turn; at the slower node, if there are two.
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
        """Frames that the source delivered and the node never saw."""
        return self.frames_in - self.frames_received


def trajectory(poses: Mapping[int, Array]) -> tuple[Stamps, Array]:
    """Stamps (N,) in order and poses (N, ...) of a mapping from stamp to pose, which must not be empty."""
    stamps = np.array(sorted(poses), dtype=np.int64)
    return stamps, np.stack([poses[int(stamp)] for stamp in stamps])


def common_stamps(first: Mapping[int, T], stamps: Stamps) -> tuple[Stamps, npt.NDArray[np.int64]]:
    """Stamps that a record shares with sorted `stamps` (N,), and their positions there."""
    shared = np.array(sorted(set(first) & set(stamps.tolist())), dtype=np.int64)
    return shared, np.searchsorted(stamps, shared)
