"""Transforms between frames over time. No ROS in here.

tf2 is not used, although robots have it: it keeps whatever it gets, and one transform that is stamped an hour ahead
then hides all that follow. Here a stamp that is far off counts when a second one confirms it.
"""

from __future__ import annotations

import bisect
import sys
import threading
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from localization_common.errors import LocalizationError
from localization_common.geometry import se3
from localization_common.ros.timeline import OTHER_CLOCK, Timeline, Verdict

Array = npt.NDArray[np.float64]


class TransformError(LocalizationError):
    """A transform between two frames is not known, or not at the time that was asked for."""


@dataclass
class _Edge:
    parent: str
    static: bool
    stamps: list[int] = field(default_factory=list)
    matrices: list[Array] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)
    doubted: tuple[int, Array] | None = None

    def add(self, stamp: int, matrix: Array, length: int) -> None:
        """Insert a pose in its place, and forget those that are older than the newest by more than ``length``."""
        if self.stamps and stamp <= self.stamps[-1] - length:
            return
        position = bisect.bisect_left(self.stamps, stamp)
        if position == len(self.stamps) or self.stamps[position] != stamp:
            self.stamps.insert(position, stamp)
            self.matrices.insert(position, matrix)
        outdated = bisect.bisect_left(self.stamps, self.stamps[-1] - length)
        del self.stamps[:outdated], self.matrices[:outdated]


class TransformBuffer:
    """Tree of frames. Each frame has one parent; the pose in it is static, or a series over time that is interpolated.

    Args:
        length: how many seconds of a moving frame are kept.
    """

    def __init__(self, length: float = 30.0) -> None:
        self._length = int(length * 1e9)
        self._edges: dict[str, _Edge] = {}
        self._changed = threading.Condition()  # of a lock that its owner may take again

    def insert(self, parent: str, child: str, parent_T_child: Array, stamp: int, *, static: bool) -> Verdict:
        """Add one pose of a frame in its parent.

        One whose stamp is far off waits until the next one of the frame confirms it, and is left out if none does.

        Returns:
            How the stamp relates to those before; after a jump back the poses before it are forgotten.
        """
        with self._changed:
            edge = self._edges.get(child)
            if edge is None or edge.parent != parent or edge.static != static:
                edge = self._edges[child] = _Edge(parent, static)
            if static:
                edge.stamps, edge.matrices = [stamp], [parent_T_child]
                self._changed.notify_all()
                return Verdict.NEXT
            verdict = edge.timeline.judge(stamp)
            if verdict.doubted:
                edge.timeline.doubt(stamp)
                edge.doubted = (stamp, parent_T_child)
                return verdict
            if verdict is Verdict.JUMPED_BACK:
                edge.stamps, edge.matrices = [], []
            if verdict.jumped and edge.doubted is not None:
                edge.add(*edge.doubted, self._length)
            edge.doubted = None
            edge.timeline.adopt(stamp)
            edge.add(stamp, parent_T_child, self._length)
            self._changed.notify_all()
            return verdict

    def clear(self) -> None:
        """Forget moving frames; what is static stays true when a clock jumps."""
        with self._changed:
            self._edges = {child: edge for child, edge in self._edges.items() if edge.static}

    def connected(self, target: str, source: str) -> bool:
        """Whether a chain of transforms joins the two frames at any time."""
        with self._changed:
            return self._ancestors(target)[-1] == self._ancestors(source)[-1]

    def latest(self, target: str, source: str) -> int | None:
        """The newest stamp that every link between two frames reaches; None where they are not connected."""
        with self._changed:
            if not self.connected(target, source):
                return None
            edges = [self._edges[frame] for frame in self._between(target, source)]
            return min((edge.stamps[-1] for edge in edges if not edge.static), default=sys.maxsize)

    @property
    def frames(self) -> list[str]:
        """Names of all frames, sorted."""
        with self._changed:
            return sorted({*self._edges, *(edge.parent for edge in self._edges.values())})

    def lookup(self, target: str, source: str, stamp: int | None, timeout: float = 0.0) -> Array:
        """target_T_source (4, 4) at a time, or the newest of each link; waits `timeout` seconds for it.

        Raises:
            TransformError: the frames are not connected, or the time lies outside of what is known.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._missing(target, source, stamp), timeout)
            if missing := self._missing(target, source, stamp):
                raise TransformError(missing)
            root_T_target = self._to_root(target, stamp)
            return se3.inverse(root_T_target) @ self._to_root(source, stamp)

    def _ancestors(self, frame: str) -> list[str]:
        chain = [frame]
        while chain[-1] in self._edges and (parent := self._edges[chain[-1]].parent) not in chain:
            chain.append(parent)
        return chain

    def _between(self, target: str, source: str) -> list[str]:
        """Frames whose link to their parent is on the way; links above the common ancestor do not matter."""
        up, down = self._ancestors(target), self._ancestors(source)
        shared = set(up) & set(down)
        return [frame for frame in up + down if frame not in shared]

    def _missing(self, target: str, source: str, stamp: int | None) -> str:
        if self._ancestors(target)[-1] != self._ancestors(source)[-1]:
            known = "known" if source in self.frames else "unknown"
            return f"no transform from {source} ({known} in TF) to {target}: is its publisher running?"
        for frame in self._between(target, source):
            edge = self._edges[frame]
            if edge.static or stamp is None:
                continue
            if max(stamp - edge.stamps[-1], edge.stamps[0] - stamp) > OTHER_CLOCK:
                return (
                    f"different clocks: the image is stamped {stamp * 1e-9:.3f} s, transform {edge.parent} -> {frame} "
                    f"on /tf {edge.stamps[-1] * 1e-9:.3f} s: let both publishers stamp with ROS time"
                )
            if stamp > edge.stamps[-1]:
                late = (stamp - edge.stamps[-1]) * 1e-9
                return f"transform {edge.parent} -> {frame} ends {late:.3f} s before the time that is needed"
            if stamp < edge.stamps[0]:
                return f"transform {edge.parent} -> {frame} begins {(edge.stamps[0] - stamp) * 1e-9:.3f} s too late"
        return ""

    def _to_root(self, frame: str, stamp: int | None) -> Array:
        root_T_frame = np.eye(4)
        for name in self._ancestors(frame)[:-1]:
            edge = self._edges[name]
            root_T_frame = self._at(edge, stamp) @ root_T_frame
        return root_T_frame

    @staticmethod
    def _at(edge: _Edge, stamp: int | None) -> Array:
        if edge.static or stamp is None:
            return edge.matrices[-1]
        after = bisect.bisect_left(edge.stamps, stamp)
        if after == len(edge.stamps):
            return edge.matrices[-1]
        if edge.stamps[after] == stamp or after == 0:
            return edge.matrices[after]
        first, second = edge.stamps[after - 1], edge.stamps[after]
        return se3.interpolate(edge.matrices[after - 1], edge.matrices[after], (stamp - first) / (second - first))
