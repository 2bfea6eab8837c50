"""One file of a bag: its messages with places at which they are found again, and the damage that was met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from localization_common.datasets.bags.tally import Tally
from localization_common.errors import DatasetError


class MessagePlace(NamedTuple):
    """Position of a message in its file; two numbers whose meaning only the storage knows."""

    first: int
    second: int


class RawMessage(NamedTuple):
    """One serialised message.

    Attributes:
        topic: its name.
        kind: its type, such as ``sensor_msgs/msg/Image``.
        time: of recording, nanoseconds.
        data: serialised; CDR, or ROS 1's format (`Storage.ros1`).
        place: for `Storage.at`.
    """

    topic: str
    kind: str
    time: int
    data: bytes | memoryview
    place: MessagePlace


#: The latest time in nanoseconds, in the year 2262.
MAX_TIME = 2**63 - 1


@dataclass(frozen=True)
class Damage:
    """A stretch of a file that cannot be read.

    Attributes:
        where: file and position.
        reason: what is wrong.
        remedy: command that may bring more back.
    """

    where: str
    reason: str
    remedy: str = ""

    def text(self) -> str:
        """One line, for people."""
        return f"{self.where}: {self.reason}" + (f"; {self.remedy}" if self.remedy else "")


def lost_records(path: Path, lost: Tally, remedy: str = "") -> list[Damage]:
    """Records of a file that cannot be used; there may be millions, so there is one entry for each reason."""
    return [Damage(str(path), part.text(), remedy) for part in lost.left_out("records")]


class StorageError(DatasetError):
    """A file of a bag cannot be opened; the message names the file and the remedy."""


class Storage(Protocol):
    """One opened file of a bag.

    Attributes:
        path: of the file.
        ros1: whether messages are serialised as in ROS 1.
        damage: what could not be read; complete after `messages` has ended.
        promised: topic -> number of messages according to the file's index; complete after `messages` has ended.
    """

    path: Path
    ros1: bool
    damage: list[Damage]
    promised: dict[str, int]

    @property
    def topics(self) -> dict[str, str]:
        """Topic -> type; complete after `messages` has ended."""

    def messages(self) -> Iterator[RawMessage]:
        """All messages that can be read, in the file's order; damage is noted and passed over."""

    def at(self, place: MessagePlace) -> bytes | memoryview:
        """Data of a message that `messages` gave.

        Raises:
            DatasetError: it cannot be read any more; was the file changed?
        """

    def close(self) -> None:
        """Close the file."""
