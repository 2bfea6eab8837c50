"""Look-up of a bag's topics by name and by type."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.errors import DatasetError

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
ODOMETRY = "nav_msgs/msg/Odometry"
TF = "tf2_msgs/msg/TFMessage"
STRING = "std_msgs/msg/String"
#: Types of true poses, see `messages.poses`.
POSES = (
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    ODOMETRY,
    "geometry_msgs/msg/TransformStamped",
    TF,
)
_TRANSPORT = "/compressed"
#: Number of topics that one message names at most.
_LISTED = 12


def base_name(topic: str) -> str:
    """Topic without the suffix of image_transport."""
    return topic.removesuffix(_TRANSPORT)


def listing(topics: Collection[Topic]) -> str:
    """Names, types and counts of topics, for messages."""
    names = [f"{topic.name} ({topic.kind}, {len(topic)} messages)" for topic in topics]
    more = f" and {len(names) - _LISTED} others" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more or "none"


def is_default(wanted: BagTopics, key: str) -> bool:
    """Return True if the user did not name this topic."""
    return getattr(wanted, key) == next(field.default for field in fields(BagTopics) if field.name == key)


def option_name(key: str) -> str:
    """Option of the command line for a field of `BagTopics`."""
    return f"--topics.{key.replace('_', '-')}"


def named_topic(bag: Bag, wanted: BagTopics, key: str, kinds: Sequence[str]) -> Topic | None:
    """Topic that the user named, or the one with the usual name; None where the usual one is missing or empty.

    Args:
        bag: bag to look in.
        wanted: names of topics.
        key: field of ``wanted``.
        kinds: types that are accepted.

    Raises:
        DatasetError: the topic that the user named is missing or empty; or the topic has another type.
    """
    name = str(getattr(wanted, key))
    topic, usual = bag.topics.get(name), is_default(wanted, key)
    if topic is not None and topic.kind in kinds and (len(topic) > 0 or usual):
        return topic if len(topic) > 0 else None
    if topic is None and usual:
        return None
    if topic is None:
        raise DatasetError(
            f"{bag.path}: no topic {name} ({option_name(key)}); topics of a fitting type are "
            f"{listing([one for one in bag.of_kind(*kinds) if len(one) > 0])}"
        )
    if topic.kind not in kinds:
        raise DatasetError(
            f"{bag.path}: {name} ({option_name(key)}) is of type {topic.kind}; accepted are {', '.join(kinds)}"
        )
    raise DatasetError(
        f"{bag.path}: {name} ({option_name(key)}) is there, but with 0 messages; was its publisher running?"
    )


def single_topic(
    bag: Bag, wanted: BagTopics, key: str, kinds: Sequence[str], notes: list[str], *, without: Collection[str] = ()
) -> Topic | None:
    """Topic as in `named_topic`; else the only topic of these types.

    Args:
        bag: bag to look in.
        wanted: names of topics.
        key: field of ``wanted``.
        kinds: types that are accepted.
        notes: list to which a sentence is added where the topic has another name, or where there are several.
        without: names of topics that are not taken.
    """
    named = named_topic(bag, wanted, key, kinds)
    if named is not None or not is_default(wanted, key):
        return named
    found = [topic for topic in bag.of_kind(*kinds) if len(topic) > 0 and topic.name not in without]
    if len(found) == 1:
        notes.append(f"{found[0].name} is taken for {getattr(wanted, key)}: the only topic of type {found[0].kind}")
        return found[0]
    if found:
        notes.append(f"{listing(found)}: several; name one with {option_name(key)}, none is used")
    return None
