"""Choice of the depth images that belong to a bag's camera images: of the same frame and lens, pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.camera_topics import frame_of, is_depth
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.bags.topic_lookup import (
    CAMERA_INFO,
    COMPRESSED,
    IMAGE,
    base_name,
    is_default,
    listing,
    named_topic,
    option_name,
)
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.errors import DatasetError

#: Largest relative difference of the focal lengths and centres of the same lens.
_SAME_LENS = 0.01
_REMEDY = "record depth that is registered to the colour camera (aligned_depth_to_color, depth_registered)"


def choose_depth(
    bag: Bag, wanted: BagTopics, image: Topic, camera_info: Topic | None, notes: list[str]
) -> Topic | None:
    """Topic of the depth: named, the usual one, or the only one that is registered to the images; None without one.

    Args:
        bag: bag to look in.
        wanted: names of topics.
        image: topic of the camera images.
        camera_info: topic of their calibration.
        notes: list to which sentences on depth that is taken or left out are added.

    Raises:
        DatasetError: the topic that the user named is missing, empty, of another type, or not registered.
    """
    named = named_topic(bag, wanted, "depth", (IMAGE, COMPRESSED))
    registered = []
    for topic in _depth_topics(bag, image) if named is None else [named]:
        problem = _other_view(bag, topic, image, camera_info)
        if problem and not is_default(wanted, "depth"):
            raise DatasetError(f"{bag.path}: {problem}: {_REMEDY}")
        if problem:
            notes.append(f"{problem}: it is not used; {_REMEDY}")
        else:
            registered.append(topic)
    if len(registered) > 1:
        notes.append(f"{listing(registered)}: several have depth; name one with {option_name('depth')}, none is used")
    elif registered and named is None:
        notes.append(f"{registered[0].name} is taken for {wanted.depth}: the only depth of the frame of {image.name}")
    return registered[0] if len(registered) == 1 else None


def _depth_topics(bag: Bag, image: Topic) -> Sequence[Topic]:
    """Topics with depth, of each camera the one with most messages."""
    cameras: dict[str, Topic] = {}
    for topic in bag.of_kind(IMAGE, COMPRESSED):
        if topic.name == image.name or len(topic) == 0 or not is_depth(bag, [topic]):
            continue
        name = base_name(topic.name).removesuffix("/compressedDepth")
        if name not in cameras or len(topic) > len(cameras[name]):
            cameras[name] = topic
    return list(cameras.values())


def _other_view(bag: Bag, depth: Topic, image: Topic, camera_info: Topic | None) -> str:
    """Sentence on the difference between the views of depth and camera; empty if none is known."""
    own, frame = frame_of(bag, depth), frame_of(bag, image)
    if own and frame and own != frame:
        return f"depth on {depth.name} is of frame {own!r}, images on {image.name} are of {frame!r}"
    first, second = bag.first(depth), bag.first(image)
    sizes = [(m.width, m.height) for m in (first, second) if m is not None and hasattr(m, "width")]
    if len(sizes) == 2 and sizes[0] != sizes[1]:
        (w, h), (width, height) = sizes
        return f"depth on {depth.name} is {w}x{h}, images on {image.name} are {width}x{height}"
    beside = bag.topics.get(base_name(depth.name).rpartition("/")[0] + "/camera_info")
    if beside is None or beside.kind != CAMERA_INFO or camera_info is None or beside.name == camera_info.name:
        return ""
    lenses = [np.array(m.k) for m in (bag.first(beside), bag.first(camera_info)) if m is not None]
    if len(lenses) == 2 and not np.allclose(lenses[0], lenses[1], rtol=_SAME_LENS):
        return f"depth on {depth.name} has another lens ({beside.name}) than the images ({camera_info.name})"
    return ""
