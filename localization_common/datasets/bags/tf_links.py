"""Links of a bag's TF: what each is, and the poses over time of those that are needed.

The joints of a robot are most of its TF, and no way from a map to the camera leads over them. So a link's first pose
is kept, and whether it moves; of the links of such a way, all poses are read once more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.pose_track import PoseList, PoseTrack, make_track
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic_lookup import TF
from localization_common.datasets.sequence import Poses
from localization_common.errors import DatasetError
from localization_common.geometry import se3
from localization_common.messages.poses import StampedTransform, frame_name, stamped_transforms
from localization_common.messages.stamps import stamp_of

#: A link in /tf is fixed if it never moves by more than this (metres, radians).
_FIXED = (1e-3, 2e-3)
#: Parent and child.
Link = tuple[str, str]


@dataclass
class _Seen:
    """Link of /tf, as far as it was read."""

    pose: Poses | None = None
    moves: bool = False
    refused: Tally = field(default_factory=Tally)
    _numbers: tuple[float, ...] = ()
    _stamp: int = 0

    def add(self, part: Any, topic: str) -> None:
        """Compare the next transform with the first one."""
        numbers, stamp = _numbers(part), stamp_of(part.header)
        if numbers == self._numbers and stamp > 0:
            self._stamp = stamp
        elif (one := _usable(part, topic, self.refused)) is None:
            return
        elif stamp <= 0:
            self.refused.add("the stamp is 0 or negative", f"{topic} at {stamp} ns")
        elif self.pose is None:
            self.pose, self._numbers, self._stamp = one.matrix, numbers, stamp
        elif stamp == self._stamp:
            self.refused.add("another pose has the same stamp", f"{topic} at {stamp} ns")
        else:
            self.moves, self._stamp = _apart(self.pose, one.matrix), stamp


class TfLinks:
    """Links of a bag's TF topics. They are read when they are needed.

    Args:
        bag: recording.
        static_topic: name of the topic of fixed transforms; a topic whose name ends with ``tf_static`` is one, too.

    Attributes:
        refused: transforms that are not used, of the links that were read.
    """

    def __init__(self, bag: Bag, static_topic: str) -> None:
        self._bag, self._static_topic = bag, static_topic
        self._tracks: dict[Link, PoseTrack] = {}
        self.refused = Tally()

    @cached_property
    def fixed(self) -> dict[Link, Poses]:
        """Links of /tf_static; of a link that was sent several times, the last one. They need no stamps."""
        links: dict[Link, Poses] = {}
        for topic, part in self._parts(static=True, noting=self.refused):
            if (one := _usable(part, topic, self.refused)) is not None:
                links[one.frame_id, one.child_frame_id] = one.matrix
        return links

    @cached_property
    def resting(self) -> dict[Link, Poses]:
        """Links of /tf that never move: some publishers send a mount there."""
        return {link: seen.pose for link, seen in self._seen.items() if seen.pose is not None and not seen.moves}

    @cached_property
    def moving(self) -> dict[Link, None]:
        """Links of /tf that move, in order of reading; a dictionary, because there may be many."""
        return dict.fromkeys(link for link, seen in self._seen.items() if seen.moves)

    def over_time(self, links: Collection[Link]) -> dict[Link, PoseTrack]:
        """Poses of moving links over time."""
        found = {link: PoseList() for link in links if link not in self._tracks}
        for topic, part in self._parts(static=False, noting=Tally()) if found else ():
            poses = found.get(_link(part))
            if poses is not None and (one := _usable(part, topic, self.refused)) is not None:
                poses.add(one.stamp, one.matrix)
        for link, poses in found.items():
            self._tracks[link] = make_track(f"/tf, {link[0]} to {link[1]}", {link: poses}, self.refused)
        return {link: self._tracks[link] for link in links}

    @cached_property
    def _seen(self) -> dict[Link, _Seen]:
        links: dict[Link, _Seen] = {}
        for topic, part in self._parts(static=False, noting=self.refused):
            link = _link(part)
            seen = links.get(link) or links.setdefault(link, _Seen())
            if not seen.moves:
                seen.add(part, topic)
        for seen in links.values():
            if not seen.moves:  # those of a moving link are counted by `over_time`
                self.refused.add_all(seen.refused)
        return links

    def _parts(self, *, static: bool, noting: Tally) -> Iterator[tuple[str, Any]]:
        """Topic and content of every transform."""
        for topic in self._bag.of_kind(TF):
            if (topic.name == self._static_topic or topic.name.endswith("tf_static")) != static:
                continue
            for index, message in self._bag.messages(topic):
                if isinstance(message, DatasetError):
                    noting.add(str(message), f"{topic.name}, message {index}")
                else:
                    yield from ((topic.name, part) for part in message.transforms)


def _link(part: Any) -> Link:
    return frame_name(part.header.frame_id), frame_name(part.child_frame_id)


def _numbers(part: Any) -> tuple[float, ...]:
    moved, turned = part.transform.translation, part.transform.rotation
    return moved.x, moved.y, moved.z, turned.x, turned.y, turned.z, turned.w


def _usable(part: Any, topic: str, refused: Tally) -> StampedTransform | None:
    usable, wrong = stamped_transforms(part, "geometry_msgs/msg/TransformStamped")
    for text in wrong:
        refused.add(text.partition(": ")[2], f"{topic}, {text.partition(': ')[0]}")
    return usable[0] if usable else None


def _apart(one: Poses, other: Poses) -> bool:
    between = se3.inverse(one) @ other
    return bool(np.linalg.norm(between[:3, 3]) >= _FIXED[0] or se3.rotation_angle(between[:3, :3]) >= _FIXED[1])
