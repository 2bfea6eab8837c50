"""Transforms between frames over time. Imports no ROS.

tf2 is not used, although robots have it, because it accepts all transforms. In tf2, one transform that is stamped an
hour ahead hides all that follow, and one with another parent removes its frame from the tree. Here a stamp that is far
off is used only if a second one confirms it, and a second parent hides nothing.
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
from localization_common.ros.timeline import OTHER_CLOCK, StampVerdict, Timeline

Array = npt.NDArray[np.float64]

#: Largest number of links; beyond it, the moving links that are oldest by their last message are removed.
MAX_LINKS = 2000
#: Cost of a moving link in the search of a chain between two frames; a static link costs 1.
_MOVING = 1000


class TransformError(LocalizationError):
    """Error: a transform between two frames is missing, at all or at the requested time."""


@dataclass
class _Edge:
    parent: str
    child: str
    static: bool
    series: PoseSeries  # a static link has its last pose only
    received: int = 0  # number of the last message of all links

    @property
    def stamps(self) -> list[int]:
        return self.series.stamps


class TransformBuffer:
    """Frames, joined by links from parent to child. A link is static, or a series over time that is interpolated.

    Frames should form a tree. If a frame has a second parent, or links form a circle, the chain with the fewest moving
    links is used, then the shortest, then the oldest.

    Args:
        length: seconds of a moving frame that are kept.
        now: returns ROS time in nanoseconds; None if stamps must not be compared with it.
    """

    def __init__(self, length: float = 30.0, now: Callable[[], int] | None = None) -> None:
        self._length, self._now = int(length * 1e9), now
        self._edges: dict[tuple[str, str], _Edge] = {}
        self._links: dict[str, list[tuple[_Edge, bool]]] = {}  # made when needed
        self._chains: dict[tuple[str, str], list[tuple[_Edge, bool]] | None] = {}
        self._received = 0
        self._missed: dict[tuple[str, str], int | None] = {}  # frames, and the news of their links, of vain waits
        self._changed = threading.Condition()  # its lock is reentrant

    def insert(self, parent: str, child: str, parent_T_child: Array, stamp: int, *, static: bool) -> StampVerdict:
        """Add one pose of a frame in its parent. A static link stays static.

        A pose whose stamp is far off is used only if the next pose of the frame confirms it.

        Returns:
            Relation of the stamp to the previous stamps; after a jump back the previous poses are forgotten.
        """
        with self._changed:
            edge = self._edges.get((parent, child))
            if edge is None or (static and not edge.static):
                edge = self._add_link(_Edge(parent, child, static, PoseSeries(Timeline(now=self._now))))
            self._received += 1
            edge.received = self._received
            if edge.static and not static:
                return StampVerdict.NEXT
            if static:
                edge.series.stamps, edge.series.poses = [stamp], [parent_T_child]
                self._changed.notify_all()
                return StampVerdict.NEXT
            verdict = edge.series.judge(stamp, parent_T_child)
            if verdict.unconfirmed:
                return verdict
            edge.series.accept(stamp, parent_T_child, verdict)
            edge.series.drop_oldest(bisect.bisect_left(edge.stamps, edge.stamps[-1] - self._length))
            self._changed.notify_all()
            return verdict

    def clear(self) -> None:
        """Forget moving frames after a jump of the clock; static frames stay."""
        with self._changed:
            self._edges = {key: edge for key, edge in self._edges.items() if edge.static}
            self._forget_chains()

    def connected(self, target: str, source: str) -> bool:
        """Return True if a chain of transforms joins the two frames at any time."""
        with self._changed:
            return self._chain(target, source) is not None

    def latest(self, target: str, source: str) -> int | None:
        """Newest stamp that every link between two frames reaches; None if they are not connected."""
        with self._changed:
            chain = self._chain(target, source)
            if chain is None:
                return None
            return min((edge.stamps[-1] for edge, _ in chain if not edge.static), default=sys.maxsize)

    @property
    def frames(self) -> list[str]:
        """Names of all frames, sorted."""
        with self._changed:
            return sorted({name for key in self._edges for name in key})

    def lookup(self, target: str, source: str, stamp: int | None, timeout: float = 0.0) -> Array:
        """Return target_T_source (4, 4) at a time, or the newest of each link; wait ``timeout`` seconds for it.

        After a wait in vain, the next lookup of these frames does not wait until one of their links has news: a queue
        of images must not wait for the same missing transform once for each image.

        Raises:
            TransformError: the frames are not connected, or a link has no pose at that time.
        """
        with self._changed:
            frames = target, source
            if timeout > 0.0 and self._missed.get(frames, -1) != self._news(*frames):
                self._changed.wait_for(lambda: not self._missing(target, source, stamp), timeout)
            if missing := self._missing(target, source, stamp):
                if timeout > 0.0:
                    if len(self._missed) > MAX_LINKS:
                        self._missed.clear()
                    self._missed[frames] = self._news(*frames)
                raise TransformError(missing)
            self._missed.pop(frames, None)
            target_T_source = np.eye(4)
            for edge, down in self._chain(target, source) or ():
                parent_T_child = self._at(edge, stamp)
                target_T_source = target_T_source @ (parent_T_child if down else se3.inverse(parent_T_child))
            return target_T_source

    def _add_link(self, edge: _Edge) -> _Edge:
        self._edges[edge.parent, edge.child] = edge
        if len(self._edges) > MAX_LINKS:
            moving = sorted(
                (e for e in self._edges.values() if not e.static and e is not edge), key=lambda e: e.received
            )
            for old in moving[: MAX_LINKS // 10]:
                del self._edges[old.parent, old.child]
        self._forget_chains()
        return edge

    def _forget_chains(self) -> None:
        self._links.clear()
        self._chains.clear()

    def _chain(self, target: str, source: str) -> list[tuple[_Edge, bool]] | None:
        """Links from target to source, each with True for parent to child; None if they are not connected."""
        if target == source:
            return []
        if not self._links:
            for edge in self._edges.values():
                self._links.setdefault(edge.parent, []).append((edge, True))
                self._links.setdefault(edge.child, []).append((edge, False))
        if target not in self._links or source not in self._links:
            return None
        if (target, source) not in self._chains:
            self._chains[target, source] = self._search(target, source)
        return self._chains[target, source]

    def _search(self, target: str, source: str) -> list[tuple[_Edge, bool]] | None:
        queue: list[tuple[int, int, str, list[tuple[_Edge, bool]]]] = [(0, 0, target, [])]
        number, seen = 0, set()
        while queue:
            cost, _, frame, chain = heapq.heappop(queue)
            if frame == source:
                return chain
            if frame in seen:
                continue
            seen.add(frame)
            for edge, down in self._links[frame]:
                number += 1
                further = cost + (1 if edge.static else _MOVING)
                heapq.heappush(queue, (further, number, edge.child if down else edge.parent, [*chain, (edge, down)]))
        return None

    def _news(self, target: str, source: str) -> int | None:
        """Return the number of the last message of the links between two frames; None if they are not connected."""
        chain = self._chain(target, source)
        return None if chain is None else max((edge.received for edge, _ in chain), default=0)

    def _missing(self, target: str, source: str, stamp: int | None) -> str:
        chain = self._chain(target, source)
        if chain is None:
            presence = "known" if source in self.frames else "unknown"
            return f"no transform from {source} ({presence} in TF) to {target}: is its publisher running?"
        for edge, _ in chain:
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
