"""Topic of a bag: the positions of its messages, and the data of small ones while the bag is being opened."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from localization_common.datasets.bags.kept_messages import KeptMessages
from localization_common.datasets.bags.storage import MessagePlace
from localization_common.datasets.bags.tally import Tally


class Position(NamedTuple):
    """Position of a message.

    Attributes:
        file: number of its file.
        place: place in the file.
        time: time of recording in nanoseconds.
        ros1: True if it is serialised as in ROS 1.
    """

    file: int
    place: MessagePlace
    time: int
    ros1: bool = False


@dataclass
class Topic:
    """Topic of a bag.

    Attributes:
        name, kind: name and type, such as ``/image``, ``sensor_msgs/msg/Image``.
        promised: number of messages according to the bag's indices; 0 where they have none.
        foreign: messages of other types on this topic, which are not used.
        kept: data of the first messages, while the bag is being opened.
    """

    name: str
    kind: str
    promised: int = 0
    foreign: Tally = field(default_factory=Tally)
    kept: KeptMessages = field(default_factory=KeptMessages, repr=False)
    _numbers: array[int] = field(default_factory=lambda: array("q"), repr=False)

    def __len__(self) -> int:
        return len(self._numbers) // 4

    def __getitem__(self, index: int) -> Position:
        file, first, second, time = self._numbers[4 * index : 4 * index + 4]
        return Position(file >> 1, MessagePlace(first, second), time, bool(file & 1))

    def append(self, position: Position) -> None:
        """Add the position of the next message."""
        self._numbers.extend((position.file << 1 | position.ros1, *position.place, position.time))
