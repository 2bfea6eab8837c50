"""Poses of one topic over time: true poses, odometry, or one link of TF."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.sequence import Poses
from localization_common.errors import DatasetError
from localization_common.messages.poses import stamped_transforms

#: A topic is refused as a whole if a larger share of its messages than this cannot be used.
MAX_REFUSED = 0.5


class PoseList:
    """Poses in order of reading, in little memory.

    Attributes:
        stamps: nanoseconds.
    """

    def __init__(self) -> None:
        self.stamps = array("q")
        self._numbers = array("d")

    def add(self, stamp: int, pose: Poses) -> None:
        """Add a pose (4, 4)."""
        self.stamps.append(stamp)
        self._numbers.frombytes(pose.tobytes())

    def arrays(self) -> tuple[npt.NDArray[np.int64], Poses]:
        """Stamps (N,) and poses (N, 4, 4), without a copy."""
        stamps = np.asarray(self.stamps, dtype=np.int64)
        return stamps, np.asarray(self._numbers, dtype=np.float64).reshape(-1, 4, 4)


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
    found: dict[tuple[str, str], PoseList] = {}
    refused = Tally()
    for index, message in bag.messages(topic):
        if isinstance(message, DatasetError):
            refused.add(str(message), f"{topic.name}, message {index}")
            continue
        usable, wrong = stamped_transforms(message, topic.kind)
        for one in usable:
            found.setdefault((one.frame_id, one.child_frame_id), PoseList()).add(one.stamp, one.matrix)
        for text in wrong:
            refused.add(text.partition(": ")[2], f"{topic.name}, {text.partition(': ')[0]}")
    track = make_track(topic.name, found, refused)
    if track.refused.total > MAX_REFUSED * len(topic):
        reasons = track.refused.reasons("messages")
        raise DatasetError(f"{bag.path}: more than half of {topic.name} cannot be used: {reasons}")
    return track


def make_track(name: str, found: Mapping[tuple[str, str], PoseList], refused: Tally) -> PoseTrack:
    """Track of the poses between the two frames that most of them have, in order of stamps.

    Args:
        name: name of the topic.
        found: parent and child frame -> poses.
        refused: tally to which poses that are not used are added.
    """
    frame_id, child_frame_id = max(found, key=lambda link: len(found[link].stamps), default=("", ""))
    for link, others in found.items():
        if link != (frame_id, child_frame_id):
            text = f"{link[0] or '(none)'} to {link[1] or '(none)'}"
            reason = f"the frames are {text}, most are {frame_id} to {child_frame_id}"
            _refuse(reason, name, np.array(others.stamps), refused)
    stamps, poses = found[frame_id, child_frame_id].arrays() if found else PoseList().arrays()
    _refuse("the stamp is 0 or negative", name, stamps[stamps <= 0], refused)
    order = np.argsort(stamps, kind="stable")
    order = order[stamps[order] > 0]
    stamps, poses = stamps[order], poses[order]
    firsts = np.searchsorted(stamps, stamps)  # of the poses with one stamp, the first one counts
    first = firsts == np.arange(len(stamps))
    same = np.isclose(poses[firsts[~first]], poses[~first]).all(axis=(1, 2))
    _refuse("another pose has the same stamp", name, stamps[~first][~same], refused)
    return PoseTrack(name, stamps[first], poses[first], frame_id, child_frame_id, refused)


def _refuse(reason: str, name: str, stamps: npt.NDArray[np.int64], refused: Tally) -> None:
    """Count the poses with these stamps."""
    for count, stamp in zip((1, 1, len(stamps) - 2), stamps[:3].tolist(), strict=False):
        refused.add(reason, f"{name} at {stamp} ns", count)
