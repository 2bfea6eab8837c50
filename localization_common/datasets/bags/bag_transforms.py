"""TF of a bag: links that are fixed, and links that move."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import numpy as np

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.pose_track import PoseTrack
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.tf_links import Link, TfLinks
from localization_common.datasets.pose_interpolation import poses_at
from localization_common.datasets.sequence import Poses
from localization_common.geometry import se3

#: Seconds between two transforms of a moving link over which it is interpolated.
MAX_TF_GAP = 0.5


class BagTransforms:
    """Transforms of a bag's TF topics, see `TfLinks`.

    Args:
        bag: recording.
        static_topic: name of the topic of fixed transforms.
    """

    def __init__(self, bag: Bag, static_topic: str) -> None:
        self._links = TfLinks(bag, static_topic)

    @property
    def refused(self) -> Tally:
        """Transforms that are not used."""
        return self._links.refused

    @property
    def moving(self) -> Collection[Link]:
        """Links of /tf that move."""
        return self._links.moving

    @property
    def frames(self) -> list[str]:
        """Names of all frames, in order."""
        return sorted({frame for link in self._all for frame in link if frame})

    def joined(self, frame: str, *, resting: bool) -> dict[str, Poses]:
        """Frames that are fixed to a frame, itself included, with their transforms frame_T_other (4, 4).

        Args:
            resting: True if links of /tf that never move count, too.
        """
        links = {**self._links.fixed, **self._links.resting} if resting else self._links.fixed
        neighbours: dict[str, list[tuple[str, Poses]]] = {}
        for (parent, child), parent_T_child in links.items():
            neighbours.setdefault(parent, []).append((child, parent_T_child))
            neighbours.setdefault(child, []).append((parent, se3.inverse(parent_T_child)))
        found, waiting = {frame: np.eye(4)}, deque([frame])
        while waiting:
            here = waiting.popleft()
            for other, here_T_other in neighbours.get(here, []):
                if other not in found:
                    found[other] = found[here] @ here_T_other
                    waiting.append(other)
        return found

    def track(self, target: str, source: str) -> PoseTrack | None:
        """Poses of one frame in another over time, at the stamps of the slowest link between them.

        None if TF does not join the two, or if no link between them moves.

        Args:
            target: ancestor, such as ``map``.
            source: frame below it, such as ``base_link``.
        """
        chain = self.chain(target, source)
        if not chain or not any(link in self.moving for link in chain):
            return None
        # All links above the source at once, so that the poses in a map need no reading of their own.
        tracks = self._links.over_time([link for link in self._above(source) if link in self.moving])
        stamps = min((tracks[link] for link in chain if link in tracks), key=len).stamps
        still = {**self._links.resting, **self._links.fixed}
        poses = np.tile(np.eye(4), (len(stamps), 1, 1))
        for link in chain:
            track = tracks.get(link)
            poses = poses @ (
                still[link] if track is None else poses_at(stamps, track.stamps, track.poses, max_gap_s=MAX_TF_GAP)
            )
        known = np.isfinite(poses).all(axis=(1, 2))
        name = f"/tf, {target} to {source}"
        return PoseTrack(name, stamps[known], poses[known], target, source) if known.any() else None

    def chain(self, target: str, source: str) -> list[Link] | None:
        """Links from one frame down to another; None if TF does not join the two."""
        if target == source:
            return []
        above = self._above(source)
        starts = [i for i, (parent, _) in enumerate(above) if parent == target]
        return above[starts[-1] :] if starts else None

    def _above(self, source: str) -> list[Link]:
        """Links from the root of TF down to a frame."""
        parents = {child: parent for parent, child in self._all}
        links: list[Link] = []
        frame = source
        while frame in parents and len(links) < len(parents):
            links.append((parents[frame], frame))
            frame = parents[frame]
        return links[::-1]

    @property
    def _all(self) -> tuple[Link, ...]:
        return (*self._links.fixed, *self._links.resting, *self._links.moving)
