"""Images of one topic. Each is decoded once when the bag is opened, so that a `Sequence` has readable images only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_stamps import off_clock, require_stamps
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic import Topic
from localization_common.errors import DatasetError, InputError
from localization_common.messages.poses import frame_name
from localization_common.messages.stamps import stamp_of

Picture = TypeVar("Picture", bound=npt.NDArray[Any])


@dataclass(frozen=True)
class ImageIndex(Generic[Picture]):
    """Images of a topic that can be decoded, in order of their stamps.

    Attributes:
        bag, topic: bag and topic of the images.
        decode: message -> picture; raises InputError.
        indices: (N,) indices of the messages in the topic.
        stamps: (N,) nanoseconds, increasing.
        sizes: (N, 2) width and height.
        frame_id: frame in most headers.
        encodings: number of images with each encoding.
        refused: images that are not used.
        total: number of messages on the topic.
    """

    bag: Bag
    topic: Topic
    decode: Callable[[Any], Picture]
    indices: npt.NDArray[np.int64]
    stamps: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    frame_id: str
    encodings: Counter[str]
    total: int
    refused: Tally = field(default_factory=Tally)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of most images."""
        (size, _), *_ = Counter(map(tuple, self.sizes.tolist())).most_common(1)
        return int(size[0]), int(size[1])

    def of_size(self, width: int, height: int) -> ImageIndex[Picture]:
        """Images of this size only; the others are counted as refused."""
        fits = (self.sizes == (width, height)).all(axis=1)
        for found, stamp in zip(self.sizes[~fits].tolist(), self.stamps[~fits].tolist(), strict=True):
            reason = f"the image is {found[0]}x{found[1]}, its camera {width}x{height}"
            self.refused.add(reason, f"{self.topic.name} at {stamp} ns")
        return replace(self, indices=self.indices[fits], stamps=self.stamps[fits], sizes=self.sizes[fits])

    def read(self, position: int) -> Picture:
        """Picture at a position 0..N-1.

        Raises:
            DatasetError: it cannot be read any more.
        """
        message = self.bag.message(self.topic, int(self.indices[position]))
        try:
            return self.decode(message)
        except InputError as error:
            stamp = self.stamps[position]
            raise DatasetError(f"{self.bag.path}: {self.topic.name} at {stamp} ns: {error}") from error


def index_images(bag: Bag, topic: Topic, decode: Callable[[Any], Picture]) -> ImageIndex[Picture]:
    """Decode every image of a topic once, and keep the index of those that can be used.

    Args:
        decode: message -> picture (H, W, ...); raises InputError.

    Raises:
        DatasetError: no image can be used.
    """
    refused, encodings, frames = Tally(), Counter[str](), Counter[str]()
    rows: list[tuple[int, int, int, int, int]] = []
    for index, message in bag.messages(topic):
        where = f"{topic.name}, message {index}"
        if isinstance(message, DatasetError):
            refused.add(str(message), where)
            continue
        stamp = stamp_of(message.header)
        try:
            height, width = decode(message).shape[:2]
        except InputError as error:
            refused.add(str(error), f"{topic.name} at {stamp} ns")
            continue
        encodings[str(message.encoding if hasattr(message, "encoding") else message.format)] += 1
        frames[frame_name(message.header.frame_id)] += 1
        rows.append((stamp, index, width, height, topic[index].time))
    kept = _usable_stamps(bag, topic, np.array(rows, dtype=np.int64).reshape(-1, 5), refused)
    if len(kept) == 0:
        reasons = refused.reasons("images")
        raise DatasetError(f"{bag.path}: no image on {topic.name} can be used: {reasons}")
    return ImageIndex(
        bag,
        topic,
        decode,
        indices=kept[:, 1],
        stamps=kept[:, 0],
        sizes=kept[:, 2:4],
        frame_id=frames.most_common(1)[0][0],
        encodings=encodings,
        total=len(topic),
        refused=refused,
    )


def _usable_stamps(bag: Bag, topic: Topic, rows: npt.NDArray[np.int64], refused: Tally) -> npt.NDArray[np.int64]:
    """Rows (N, 5) in order of their stamps, without those whose stamp cannot be used."""
    require_stamps(rows[:, 0], f"{bag.path}: {topic.name}")
    wrong = rows[:, 0] <= 0
    for row in rows[wrong]:
        refused.add("the stamp is 0 or negative", f"{topic.name}, message {row[1]}")
    rows = rows[~wrong]
    alone = off_clock(rows[:, 0], rows[:, 4])
    for row in rows[alone]:
        refused.add("the stamp does not fit those of the messages around it", f"{topic.name} at {row[0]} ns")
    rows = rows[~alone]
    _, first = np.unique(rows[:, 0], return_index=True)
    for position in np.setdiff1d(np.arange(len(rows)), first):
        refused.add("another image has the same stamp", f"{topic.name} at {rows[position, 0]} ns")
    return rows[first]
