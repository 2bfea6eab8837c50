"""Interface of one file of a bag: its messages, their places in the file, and its damage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from localization_common.datasets.bags.tally import Tally
from localization_common.errors import DatasetError


class MessagePlace(NamedTuple):
    """Position of a message in its file: two numbers, with a meaning of their own in each kind of storage."""

    first: int
    second: int


class RawMessage(NamedTuple):
    """Serialised message.

    Attributes:
        topic: name of the topic.
        kind: type of the message, such as ``sensor_msgs/msg/Image``.
        time: time of recording in nanoseconds.
        data: serialised message: CDR, or ROS 1's format.
        place: place of the message, for `Storage.at`.
        ros1: True if the message is serialised as in ROS 1.
    """

    topic: str
    kind: str
    time: int
    data: bytes | memoryview
    place: MessagePlace
    ros1: bool = False


#: Latest time in nanoseconds, in the year 2262.
MAX_TIME = 2**63 - 1


@dataclass(frozen=True)
class Damage:
    """Part of a file that cannot be read.

    Attributes:
        where: file and position.
        reason: description of the damage.
        remedy: command that may recover more.
    """

    where: str
    reason: str
    remedy: str = ""

    def text(self) -> str:
        """Line for people."""
        return f"{self.where}: {self.reason}" + (f"; {self.remedy}" if self.remedy else "")


def lost_records(path: Path, lost: Tally, remedy: str = "") -> list[Damage]:
    """Entries for records of a file that cannot be used, one for each reason: there may be millions of records."""
    return [Damage(str(path), part.text(), remedy) for part in lost.left_out("records")]


class StorageError(DatasetError):
    """File of a bag that cannot be opened; the text names the file and the remedy."""


class Storage(Protocol):
    """Opened file of a bag.

    Attributes:
        path: path of the file.
        damage: parts that could not be read; complete after `messages` has ended.
        promised: topic -> number of messages according to the file's index; complete after `messages` has ended.
    """

    path: Path
    damage: list[Damage]
    promised: dict[str, int]

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type; complete after `messages` has ended."""

    def messages(self) -> Iterator[RawMessage]:
        """Messages that can be read, in the file's order; damage is noted and skipped."""

    def at(self, place: MessagePlace) -> bytes | memoryview:
        """Data of a message from its place, as in `messages`.

        Raises:
            DatasetError: it cannot be read any more; was the file changed?
        """

    def close(self) -> None:
        """Close the file."""
