"""TF of a bag: links that are fixed, and links that move."""

from __future__ import annotations

from collections import deque
from functools import cached_property

import numpy as np

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.pose_track import PoseTrack, make_track
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic_lookup import TF
from localization_common.datasets.pose_interpolation import poses_at
from localization_common.datasets.sequence import Poses
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_common.messages.poses import StampedTransform, stamped_transforms

#: A link in /tf is fixed if it never moves by more than this (metres, radians).
_FIXED = (1e-3, 2e-3)
#: Seconds between two transforms of a moving link over which it is interpolated.
MAX_TF_GAP = 0.5
Links = dict[tuple[str, str], PoseTrack]


class BagTransforms:
    """Transforms of a bag's TF topics. They are read when they are needed.

    Args:
        bag: recording.
        static_topic: name of the topic of fixed transforms; a topic whose name ends with ``tf_static`` is one, too.

    Attributes:
        refused: transforms that are not used.
    """

    def __init__(self, bag: Bag, static_topic: str) -> None:
        self._bag, self._static_topic = bag, static_topic
        self.refused = Tally()

    @cached_property
    def fixed(self) -> Links:
        """Links of /tf_static, by parent and child; of a link that was sent several times, the last one."""
        return self._links(static=True)

    @cached_property
    def moving(self) -> Links:
        """Links of /tf over time."""
        return {link: track for link, track in self._over_time.items() if not _is_fixed(track)}

    @cached_property
    def resting(self) -> Links:
        """Links of /tf that never move: some publishers send a mount there."""
        return {link: track for link, track in self._over_time.items() if _is_fixed(track)}

    @cached_property
    def _over_time(self) -> Links:
        return self._links(static=False)

    @property
    def frames(self) -> list[str]:
        """Names of all frames, in order."""
        links = (*self.fixed, *self.resting, *self.moving)
        return sorted({frame for link in links for frame in link if frame})

    def joined(self, frame: str, *, resting: bool) -> dict[str, Poses]:
        """Frames that are fixed to a frame, itself included, with their transforms frame_T_other (4, 4).

        Args:
            resting: True if links of /tf that never move count, too.
        """
        links = {**self.fixed, **self.resting} if resting else self.fixed
        neighbours: dict[str, list[tuple[str, Poses]]] = {}
        for (parent, child), track in links.items():
            parent_T_child = track.poses[-1]
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
        return self._product(chain, f"/tf, {target} to {source}") if chain else None

    def chain(self, target: str, source: str) -> list[tuple[str, str]] | None:
        """Links from one frame down to another; None if TF does not join the two."""
        parents = {child: parent for parent, child in (*self.fixed, *self.resting, *self.moving)}
        chain: list[tuple[str, str]] = []
        frame = source
        while frame != target:
            if frame not in parents or len(chain) > len(parents):
                return None
            chain.insert(0, (parents[frame], frame))
            frame = parents[frame]
        return chain

    def _product(self, chain: list[tuple[str, str]], name: str) -> PoseTrack | None:
        """Poses along a chain of links, from the target down."""
        over_time = [link for link in chain if link in self.moving]
        if not over_time:
            return None
        slowest = min(over_time, key=lambda link: len(self.moving[link]))
        stamps = self.moving[slowest].stamps
        poses = np.tile(np.eye(4), (len(stamps), 1, 1))
        for link in chain:
            if link in self.moving:
                track = self.moving[link]
                poses = poses @ poses_at(stamps, track.stamps, track.poses, max_gap_s=MAX_TF_GAP)
            else:
                poses = poses @ {**self.resting, **self.fixed}[link].poses[-1]
        known = np.isfinite(poses).all(axis=(1, 2))
        return PoseTrack(name, stamps[known], poses[known], chain[0][0], chain[-1][1]) if known.any() else None

    def _links(self, *, static: bool) -> Links:
        found: dict[tuple[str, str], list[StampedTransform]] = {}
        for topic in self._bag.of_kind(TF):
            if (topic.name == self._static_topic or topic.name.endswith("tf_static")) != static:
                continue
            for index, message in self._bag.messages(topic):
                if isinstance(message, DatasetError):
                    self.refused.add(str(message), f"{topic.name}, message {index}")
                    continue
                usable, wrong = stamped_transforms(message, TF)
                for one in usable:
                    found.setdefault((one.frame_id, one.child_frame_id), []).append(one)
                for text in wrong:
                    self.refused.add(text.partition(": ")[2], f"{topic.name}, {text.partition(': ')[0]}")
        if static:  # fixed transforms need no stamps, and all may be 0
            last = {link: [one[-1]._replace(stamp=1)] for link, one in found.items()}
            return {link: make_track("/tf_static", ones, self.refused) for link, ones in last.items()}
        return {
            link: track
            for link, ones in found.items()
            if len(track := make_track(f"/tf, {link[0]} to {link[1]}", ones, self.refused))
        }


def _is_fixed(track: PoseTrack) -> bool:
    apart = se3.inverse(track.poses[:1]) @ track.poses
    metres, radians = np.linalg.norm(apart[:, :3, 3], axis=1).max(), se3.rotation_angle(apart[:, :3, :3]).max()
    return bool(metres < _FIXED[0] and radians < _FIXED[1])
