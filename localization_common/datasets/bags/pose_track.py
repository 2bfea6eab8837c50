"""Poses of one topic over time: true poses, odometry, or one link of TF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.sequence import Poses
from localization_common.errors import DatasetError
from localization_common.messages.poses import StampedTransform, stamped_transforms

#: A topic is refused as a whole if a larger share of its messages than this cannot be used.
MAX_REFUSED = 0.5


@dataclass(frozen=True)
class PoseTrack:
    """Poses of one frame in another frame.

    Attributes:
        name: name of the topic, for people.
        stamps: (N,) nanoseconds, increasing.
        poses: (N, 4, 4) frame_T_child.
        frame_id: parent frame of the poses.
        child_frame_id: frame whose poses they are; empty where messages do not name it.
        refused: messages that are not used.
    """

    name: str
    stamps: npt.NDArray[np.int64]
    poses: Poses
    frame_id: str
    child_frame_id: str
    refused: Tally = field(default_factory=Tally)

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def median_gap(self) -> float:
        """Median time between neighbours in seconds; NaN for fewer than two."""
        return float(np.median(np.diff(self.stamps))) * 1e-9 if len(self) > 1 else float("nan")

    def of_child(self, child_T_other: Poses, other: str) -> PoseTrack:
        """Poses of another frame that is fixed to the child, from its pose (4, 4) in the child."""
        return replace(self, poses=self.poses @ child_T_other, child_frame_id=other)


def read_track(bag: Bag, topic: Topic) -> PoseTrack:
    """Poses of a topic of any type of `messages.poses.POSE_TYPES` but TF.

    Raises:
        DatasetError: more than half of the messages cannot be used.
    """
    found: list[StampedTransform] = []
    refused = Tally()
    for index, message in bag.messages(topic):
        if isinstance(message, DatasetError):
            refused.add(str(message), f"{topic.name}, message {index}")
            continue
        usable, wrong = stamped_transforms(message, topic.kind)
        found += usable
        for text in wrong:
            refused.add(text.partition(": ")[2], f"{topic.name}, {text.partition(': ')[0]}")
    track = make_track(topic.name, found, refused)
    if track.refused.total > MAX_REFUSED * len(topic):
        reasons = track.refused.reasons("messages")
        raise DatasetError(f"{bag.path}: more than half of {topic.name} cannot be used: {reasons}")
    return track


def make_track(name: str, found: Iterable[StampedTransform], refused: Tally) -> PoseTrack:
    """Track of the transforms between the two frames that most of them have, in order of stamps."""
    transforms = list(found)
    links = Counter((one.frame_id, one.child_frame_id) for one in transforms)
    frame_id, child_frame_id = links.most_common(1)[0][0] if links else ("", "")
    by_stamp: dict[int, Poses] = {}
    for one in transforms:
        where = f"{name} at {one.stamp} ns"
        if (one.frame_id, one.child_frame_id) != (frame_id, child_frame_id):
            others = f"{one.frame_id or '(none)'} to {one.child_frame_id or '(none)'}"
            refused.add(f"the frames are {others}, most are {frame_id} to {child_frame_id}", where)
        elif one.stamp <= 0:
            refused.add("the stamp is 0 or negative", where)
        elif one.stamp in by_stamp:
            if not np.allclose(by_stamp[one.stamp], one.matrix):
                refused.add("another pose has the same stamp", where)
        else:
            by_stamp[one.stamp] = one.matrix
    stamps = sorted(by_stamp)
    poses = np.array([by_stamp[stamp] for stamp in stamps], dtype=np.float64).reshape(-1, 4, 4)
    return PoseTrack(name, np.array(stamps, dtype=np.int64), poses, frame_id, child_frame_id, refused)
