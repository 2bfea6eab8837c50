"""Choice of a bag's camera images and of their camera_info."""

from __future__ import annotations

from collections.abc import Sequence

from localization_common.datasets.bags.bag import Bag
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
from localization_common.messages.poses import frame_name

_DEPTH_ENCODINGS = ("16UC1", "32FC1", "64FC1")


def choose_image(bag: Bag, wanted: BagTopics, notes: list[str]) -> Topic:
    """Topic of the camera images, raw or compressed: of the same camera, the topic with more messages.

    Args:
        bag: bag to look in.
        wanted: names of topics.
        notes: list to which a sentence is added where the choice needs one.

    Raises:
        DatasetError: there are no images, or images of several cameras.
    """
    cameras: dict[str, list[Topic]] = {}
    for topic in bag.of_kind(IMAGE, COMPRESSED):
        cameras.setdefault(base_name(topic.name), []).append(topic)
    name = base_name(wanted.image)
    if wanted.image != name and wanted.image in bag.topics:  # the compressed topic itself was named
        cameras[name] = [topic for topic in cameras.get(name, []) if topic.name == wanted.image]
    if name not in cameras and not is_default(wanted, "image"):
        named_topic(bag, wanted, "image", (IMAGE, COMPRESSED))  # raises, and names the topics that are there
    if name not in cameras or not any(map(len, cameras[name])):
        name = _only_camera(bag, wanted, cameras, notes)
    fuller = max(cameras[name], key=lambda topic: (len(topic), topic.kind == IMAGE))
    others = [topic for topic in cameras[name] if topic is not fuller and len(topic) > 0]
    if others:
        notes.append(f"{fuller.name} is taken, with {len(fuller)} messages; {listing(others)} shows the same camera")
    return fuller


def choose_camera_info(bag: Bag, wanted: BagTopics, image: Topic, notes: list[str]) -> Topic | None:
    """Topic of the images' calibration: named, beside the images, or the only one with their frame; None without one.

    Raises:
        DatasetError: the topic that the user named is missing, empty or of another type.
    """
    if not is_default(wanted, "camera_info"):
        return named_topic(bag, wanted, "camera_info", (CAMERA_INFO,))
    beside = bag.topics.get(base_name(image.name).rpartition("/")[0] + "/camera_info")
    if beside is not None and beside.kind == CAMERA_INFO and len(beside) > 0:
        return beside
    infos = [topic for topic in bag.of_kind(CAMERA_INFO) if len(topic) > 0]
    frame = frame_of(bag, image)
    found = [topic for topic in infos if frame_of(bag, topic) == frame] if frame else infos
    if len(found) == 1:
        notes.append(f"{found[0].name} is taken for the camera_info of {image.name}")
        return found[0]
    if infos:
        notes.append(
            f"{listing(infos)}: none is beside {image.name}, and not one alone has its frame {frame!r}; name one with "
            f"{option_name('camera_info')}"
        )
    return None


def _only_camera(bag: Bag, wanted: BagTopics, cameras: dict[str, list[Topic]], notes: list[str]) -> str:
    used = {wanted.depth, wanted.labels}
    filled = {name: topics for name, topics in cameras.items() if any(map(len, topics))}
    shown = [name for name, topics in filled.items() if name not in used and not is_depth(bag, topics)]
    if len(shown) == 1 and is_default(wanted, "image"):
        notes.append(f"{shown[0]} is taken for {wanted.image}: the only topic with camera images")
        return shown[0]
    if len(shown) > 1:
        several = [topic for name in shown for topic in filled[name]]
        raise DatasetError(f"{bag.path}: images of several cameras: {listing(several)}; name one with --topics.image")
    empty = [topic for topics in cameras.values() for topic in topics if len(topic) == 0]
    hint = f"; {listing(empty)}: was the camera running?" if empty else ""
    raise DatasetError(
        f"{bag.path}: no images on {wanted.image}{hint}; topics are {listing(list(bag.topics.values()))}"
    )


def is_depth(bag: Bag, topics: Sequence[Topic]) -> bool:
    """Return True if the messages of these topics, which show the same, are depth images."""
    first = next(topic for topic in topics if len(topic) > 0)
    if first.name.endswith("compressedDepth"):
        return True
    message = bag.first(first)
    if message is None:
        return False
    if first.kind == COMPRESSED:
        return str(message.format).split(";")[0].strip() in _DEPTH_ENCODINGS
    return str(message.encoding) in _DEPTH_ENCODINGS


def frame_of(bag: Bag, topic: Topic) -> str:
    """Frame in the header of the first message; empty without one."""
    message = bag.first(topic)
    return "" if message is None else frame_name(message.header.frame_id)
