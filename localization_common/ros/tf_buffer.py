"""Transforms between frames over time. No ROS in here.

tf2 is not used, although robots have it: it keeps whatever it gets. One transform that is stamped an hour ahead then
hides all that follow, and one with another parent takes its frame out of the tree. Here a stamp that is far off counts
when a second one confirms it, and a second parent hides nothing.
"""

from __future__ import annotations

import bisect
import heapq
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.errors import LocalizationError
from localization_common.geometry import se3
from localization_common.ros.pose_series import PoseSeries
from localization_common.ros.timeline import OTHER_CLOCK, Timeline, Verdict

Array = npt.NDArray[np.float64]


#: Links that are kept at most; of more, the moving ones that were heard longest ago leave.
MAX_LINKS = 2000
#: Price of a moving link on the way from frame to frame; a static one costs 1.
_MOVING = 1000


class TransformError(LocalizationError):
    """A transform between two frames is not known, or not at the time that was asked for."""


@dataclass
class _Edge:
    parent: str
    child: str
    static: bool
    series: PoseSeries  # of what is static: the last pose only
    heard: int = 0

    @property
    def stamps(self) -> list[int]:
        return self.series.stamps


class TransformBuffer:
    """Frames, joined by links from parent to child. A link is static, or a series over time that is interpolated.

    Frames should form a tree. Where a frame has a second parent, or links form a circle, the way with the fewest moving
    links counts, then the shortest, then the one that was there first.

    Args:
        length: how many seconds of a moving frame are kept.
        now: ROS time in nanoseconds; None where stamps are not to be compared with it.
    """

    def __init__(self, length: float = 30.0, now: Callable[[], int] | None = None) -> None:
        self._length, self._now = int(length * 1e9), now
        self._edges: dict[tuple[str, str], _Edge] = {}
        self._links: dict[str, list[tuple[_Edge, bool]]] = {}  # made when needed
        self._ways: dict[tuple[str, str], list[tuple[_Edge, bool]] | None] = {}
        self._heard = 0
        self._changed = threading.Condition()  # of a lock that its owner may take again

    def insert(self, parent: str, child: str, parent_T_child: Array, stamp: int, *, static: bool) -> Verdict:
        """Add one pose of a frame in its parent. What is static stays so.

        One whose stamp is far off waits until the next one of the frame confirms it, and is left out if none does.

        Returns:
            How the stamp relates to those before; after a jump back the poses before it are forgotten.
        """
        with self._changed:
            edge = self._edges.get((parent, child))
            if edge is None or (static and not edge.static):
                edge = self._add_link(_Edge(parent, child, static, PoseSeries(Timeline(now=self._now))))
            self._heard += 1
            edge.heard = self._heard
            if edge.static and not static:
                return Verdict.NEXT
            if static:
                edge.series.stamps, edge.series.poses = [stamp], [parent_T_child]
                self._changed.notify_all()
                return Verdict.NEXT
            verdict = edge.series.judge(stamp, parent_T_child)
            if verdict.doubted:
                return verdict
            edge.series.accept(stamp, parent_T_child, verdict)
            edge.series.drop_oldest(bisect.bisect_left(edge.stamps, edge.stamps[-1] - self._length))
            self._changed.notify_all()
            return verdict

    def clear(self) -> None:
        """Forget moving frames; what is static stays true when a clock jumps."""
        with self._changed:
            self._edges = {key: edge for key, edge in self._edges.items() if edge.static}
            self._forget_ways()

    def connected(self, target: str, source: str) -> bool:
        """Whether a chain of transforms joins the two frames at any time."""
        with self._changed:
            return self._way(target, source) is not None

    def latest(self, target: str, source: str) -> int | None:
        """The newest stamp that every link between two frames reaches; None where they are not connected."""
        with self._changed:
            way = self._way(target, source)
            if way is None:
                return None
            return min((edge.stamps[-1] for edge, _ in way if not edge.static), default=sys.maxsize)

    @property
    def frames(self) -> list[str]:
        """Names of all frames, sorted."""
        with self._changed:
            return sorted({name for key in self._edges for name in key})

    def lookup(self, target: str, source: str, stamp: int | None, timeout: float = 0.0) -> Array:
        """target_T_source (4, 4) at a time, or the newest of each link; waits `timeout` seconds for it.

        Raises:
            TransformError: the frames are not connected, or the time lies outside of what is known.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._missing(target, source, stamp), timeout)
            if missing := self._missing(target, source, stamp):
                raise TransformError(missing)
            target_T_source = np.eye(4)
            for edge, down in self._way(target, source) or ():
                parent_T_child = self._at(edge, stamp)
                target_T_source = target_T_source @ (parent_T_child if down else se3.inverse(parent_T_child))
            return target_T_source

    def _add_link(self, edge: _Edge) -> _Edge:
        self._edges[edge.parent, edge.child] = edge
        if len(self._edges) > MAX_LINKS:
            moving = sorted((e for e in self._edges.values() if not e.static and e is not edge), key=lambda e: e.heard)
            for old in moving[: MAX_LINKS // 10]:
                del self._edges[old.parent, old.child]
        self._forget_ways()
        return edge

    def _forget_ways(self) -> None:
        self._links.clear()
        self._ways.clear()

    def _way(self, target: str, source: str) -> list[tuple[_Edge, bool]] | None:
        """Links from target to source, each with whether it is walked from parent to child; None without a way."""
        if target == source:
            return []
        if not self._links:
            for edge in self._edges.values():
                self._links.setdefault(edge.parent, []).append((edge, True))
                self._links.setdefault(edge.child, []).append((edge, False))
        if target not in self._links or source not in self._links:
            return None
        if (target, source) not in self._ways:
            self._ways[target, source] = self._search(target, source)
        return self._ways[target, source]

    def _search(self, target: str, source: str) -> list[tuple[_Edge, bool]] | None:
        queue: list[tuple[int, int, str, list[tuple[_Edge, bool]]]] = [(0, 0, target, [])]
        number, seen = 0, set()
        while queue:
            cost, _, frame, way = heapq.heappop(queue)
            if frame == source:
                return way
            if frame in seen:
                continue
            seen.add(frame)
            for edge, down in self._links[frame]:
                number += 1
                further = cost + (1 if edge.static else _MOVING)
                heapq.heappush(queue, (further, number, edge.child if down else edge.parent, [*way, (edge, down)]))
        return None

    def _missing(self, target: str, source: str, stamp: int | None) -> str:
        way = self._way(target, source)
        if way is None:
            known = "known" if source in self.frames else "unknown"
            return f"no transform from {source} ({known} in TF) to {target}: is its publisher running?"
        for edge, _ in way:
            frame = edge.child
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

    @staticmethod
    def _at(edge: _Edge, stamp: int | None) -> Array:
        if edge.static or stamp is None:
            return edge.series.poses[-1]
        return edge.series.at(stamp)
