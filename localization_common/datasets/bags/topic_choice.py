"""Choice of a bag's topics: the named one, the usual one, or the only one of its type; never a guess."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.errors import DatasetError

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
ODOMETRY = "nav_msgs/msg/Odometry"
TF = "tf2_msgs/msg/TFMessage"
STRING = "std_msgs/msg/String"
#: Types that hold true poses, see `messages.poses`.
POSES = (
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/PoseWithCovarianceStamped",
    ODOMETRY,
    "geometry_msgs/msg/TransformStamped",
    TF,
)
#: Topics that hold poses which nobody measured: goals and guesses.
_WISHES = ("initialpose", "goal", "goal_pose", "goal_update", "clicked_pose", "plan")
_TRUE_NAMES = ("ground_truth", "groundtruth", "ground_truth_pose", "gt_pose")
_DEPTH_ENCODINGS = ("16UC1", "32FC1", "64FC1")
_TRANSPORT = "/compressed"
#: So many topics are named in one message.
_LISTED = 12


@dataclass(frozen=True)
class TopicChoice:
    """Topics of one recording; None where there is none.

    Attributes:
        notes: sentences: topics that were taken though they do not have the usual name, and topics that could not be
            chosen.
    """

    image: Topic
    camera_info: Topic | None
    odometry: Topic | None
    truth: Topic | None
    depth: Topic | None
    labels: Topic | None
    label_names: Topic | None
    notes: tuple[str, ...]


def choose_topics(bag: Bag, wanted: BagTopics) -> TopicChoice:
    """Choose the topics of a bag.

    Raises:
        DatasetError: a topic that was named is missing, empty or of another type; or there are no images; or there are
            several cameras and none was named.
    """
    notes: list[str] = []
    image = _image(bag, wanted, notes)
    truth = _truth(bag, wanted, notes)
    odometry = _single(bag, wanted, "odom", (ODOMETRY,), notes, without=() if truth is None else (truth.name,))
    return TopicChoice(
        image=image,
        camera_info=_camera_info(bag, wanted, image, notes),
        odometry=odometry,
        truth=truth,
        depth=_named(bag, wanted, "depth", (IMAGE, COMPRESSED)),
        labels=_named(bag, wanted, "labels", (IMAGE,)),
        label_names=_named(bag, wanted, "label_names", (STRING,)),
        notes=tuple(notes),
    )


def base_name(topic: str) -> str:
    """Topic without the suffix of image_transport."""
    return topic.removesuffix(_TRANSPORT)


def listing(topics: Collection[Topic]) -> str:
    """Names, types and counts, for messages."""
    names = [f"{topic.name} ({topic.kind}, {len(topic)} messages)" for topic in topics]
    more = f" and {len(names) - _LISTED} others" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more or "none"


def _is_default(wanted: BagTopics, key: str) -> bool:
    return getattr(wanted, key) == next(field.default for field in fields(BagTopics) if field.name == key)


def _option(key: str) -> str:
    return f"--topics.{key.replace('_', '-')}"


def _named(bag: Bag, wanted: BagTopics, key: str, kinds: Sequence[str]) -> Topic | None:
    """The topic that was named or has the usual name; None where the usual one is missing.

    Raises:
        DatasetError: a topic that was named is missing; or it is empty or of another type.
    """
    name = str(getattr(wanted, key))
    topic, usual = bag.topics.get(name), _is_default(wanted, key)
    if topic is not None and topic.kind in kinds and (len(topic) > 0 or usual):
        return topic if len(topic) > 0 else None
    if topic is None and usual:
        return None
    if topic is None:
        raise DatasetError(
            f"{bag.path}: no topic {name} ({_option(key)}); topics of a fitting type are "
            f"{listing([one for one in bag.of_kind(*kinds) if len(one) > 0])}"
        )
    if topic.kind not in kinds:
        raise DatasetError(
            f"{bag.path}: {name} ({_option(key)}) is of type {topic.kind}; accepted are {', '.join(kinds)}"
        )
    raise DatasetError(f"{bag.path}: {name} ({_option(key)}) is there, but with 0 messages; was its publisher running?")


def _single(
    bag: Bag, wanted: BagTopics, key: str, kinds: Sequence[str], notes: list[str], *, without: Collection[str] = ()
) -> Topic | None:
    """The named or usual topic, else the only one of its types; several are noted."""
    named = _named(bag, wanted, key, kinds)
    if named is not None or not _is_default(wanted, key):
        return named
    found = [topic for topic in bag.of_kind(*kinds) if len(topic) > 0 and topic.name not in without]
    if len(found) == 1:
        notes.append(f"{found[0].name} is taken for {getattr(wanted, key)}: the only topic of type {found[0].kind}")
        return found[0]
    if found:
        notes.append(f"{listing(found)}: several; name one with {_option(key)}, none is used")
    return None


def _image(bag: Bag, wanted: BagTopics, notes: list[str]) -> Topic:
    cameras: dict[str, list[Topic]] = {}
    for topic in bag.of_kind(IMAGE, COMPRESSED):
        cameras.setdefault(base_name(topic.name), []).append(topic)
    name = base_name(wanted.image)
    if wanted.image != name and wanted.image in bag.topics:  # the compressed topic itself was named
        cameras[name] = [topic for topic in cameras.get(name, []) if topic.name == wanted.image]
    if name not in cameras and not _is_default(wanted, "image"):
        _named(bag, wanted, "image", (IMAGE, COMPRESSED))  # raises: says what there is
    if name not in cameras or not any(map(len, cameras[name])):
        name = _only_camera(bag, wanted, cameras, notes)
    fuller = max(cameras[name], key=lambda topic: (len(topic), topic.kind == IMAGE))
    others = [topic for topic in cameras[name] if topic is not fuller and len(topic) > 0]
    if others:
        notes.append(f"{fuller.name} is taken, with {len(fuller)} messages; {listing(others)} shows the same camera")
    return fuller


def _only_camera(bag: Bag, wanted: BagTopics, cameras: dict[str, list[Topic]], notes: list[str]) -> str:
    used = {wanted.depth, wanted.labels}
    filled = {name: topics for name, topics in cameras.items() if any(map(len, topics))}
    shown = [name for name, topics in filled.items() if name not in used and not _is_depth(bag, topics)]
    if len(shown) == 1 and _is_default(wanted, "image"):
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


def _is_depth(bag: Bag, topics: Sequence[Topic]) -> bool:
    first = next(topic for topic in topics if len(topic) > 0)
    if first.name.endswith("compressedDepth"):
        return True
    message = bag.first(first)
    if message is None:
        return False
    if first.kind == COMPRESSED:
        return str(message.format).split(";")[0].strip() in _DEPTH_ENCODINGS
    return str(message.encoding) in _DEPTH_ENCODINGS


def _camera_info(bag: Bag, wanted: BagTopics, image: Topic, notes: list[str]) -> Topic | None:
    if not _is_default(wanted, "camera_info"):
        return _named(bag, wanted, "camera_info", (CAMERA_INFO,))
    beside = bag.topics.get(base_name(image.name).rpartition("/")[0] + "/camera_info")
    if beside is not None and beside.kind == CAMERA_INFO and len(beside) > 0:
        return beside
    found = [topic for topic in bag.of_kind(CAMERA_INFO) if len(topic) > 0]
    if len(found) > 1:
        frame = _frame_of(bag, image)
        found = [topic for topic in found if frame and _frame_of(bag, topic) == frame]
    if len(found) == 1:
        notes.append(f"{found[0].name} is taken for the camera_info of {image.name}")
        return found[0]
    return None


def _frame_of(bag: Bag, topic: Topic) -> str:
    message = bag.first(topic)
    return "" if message is None else str(message.header.frame_id)


def _truth(bag: Bag, wanted: BagTopics, notes: list[str]) -> Topic | None:
    named = _named(bag, wanted, "ground_truth", POSES)
    if named is not None or not _is_default(wanted, "ground_truth"):
        return named
    filled = [topic for topic in bag.of_kind(*POSES) if len(topic) > 1 and topic.kind != TF]
    true = [topic for topic in filled if any(part in _TRUE_NAMES for part in topic.name.lower().split("/"))]
    measured = [topic for topic in filled if topic.kind != ODOMETRY and topic.name.split("/")[-1] not in _WISHES]
    for found in (true, measured):
        if len(found) == 1:
            notes.append(f"{found[0].name} ({found[0].kind}) is taken for the true poses")
            return found[0]
        if found:
            notes.append(f"{listing(found)}: several may be true poses; name one with --topics.ground-truth")
            return None
    return None
