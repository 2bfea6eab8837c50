"""Choice of the topic with the true poses: never poses of a thing that the robot sees, of a goal, or of a localizer."""

from __future__ import annotations

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_transforms import BagTransforms
from localization_common.datasets.bags.camera_topics import frame_of
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.bags.topic_lookup import (
    ODOMETRY,
    POSES,
    TF,
    is_default,
    listing,
    named_topic,
    option_name,
)
from localization_common.datasets.options import RecordingOptions
from localization_common.messages.base_frame import BASE_FRAMES

_TRUE_NAMES = ("ground_truth", "groundtruth", "ground_truth_pose", "gt_pose")
#: Ends of the names of goals, guesses and commands.
_NOT_MEASURED = (
    *("initialpose", "goal", "goal_pose", "goal_update", "clicked_pose", "plan"),
    *("dock_pose", "staging_pose", "set_pose"),
)
#: Topics of this package's nodes.
_OWN = ("vlocnet/pose", "dmn/pose")


def choose_truth(
    bag: Bag, options: RecordingOptions, transforms: BagTransforms, image: Topic, notes: list[str]
) -> Topic | None:
    """Topic of the true poses: named, called ground truth, or the only one with measured poses; None without one.

    Args:
        bag: bag to look in.
        options: names of topics, and the base's frame.
        transforms: TF of the bag.
        image: topic of the camera images.
        notes: list to which sentences on the choice are added.

    Raises:
        DatasetError: the topic that the user named is missing, empty or of another type.
    """
    named = named_topic(bag, options.topics, "ground_truth", POSES)
    if named is not None or not is_default(options.topics, "ground_truth"):
        return named
    filled = [topic for topic in bag.of_kind(*POSES) if len(topic) > 1 and topic.kind != TF]
    found = [topic for topic in filled if any(part in _TRUE_NAMES for part in topic.name.lower().split("/"))]
    if not found:
        found = _measured(bag, options, transforms, image, [one for one in filled if one.kind != ODOMETRY], notes)
    if len(found) == 1:
        notes.append(f"{found[0].name} ({found[0].kind}) is taken for the true poses")
        return found[0]
    if found:
        notes.append(f"{listing(found)}: several may be true poses; name one with {option_name('ground_truth')}")
    return None


def _measured(
    bag: Bag, options: RecordingOptions, transforms: BagTransforms, image: Topic, topics: list[Topic], notes: list[str]
) -> list[Topic]:
    """Topics that may hold the robot's poses in a map."""
    robot = {*BASE_FRAMES, options.base_frame, frame_of(bag, image) if topics else ""} - {""}
    found: list[Topic] = []
    for topic in topics:
        frame, reason = frame_of(bag, topic), ""
        if topic.name.endswith(_OWN):
            reason = "it is the output of a node of this package"
        elif topic.name.split("/")[-1].endswith(_NOT_MEASURED):
            reason = "by its name it is a goal, a guess or a command"
        elif frame.split("/")[-1] == "odom":
            reason = f"its frame is {frame}"
        elif robot & set(transforms.joined(frame, resting=False)):
            reason = f"its frame {frame} is fixed to the robot"
        if reason:
            remedy = f"to take it, type {option_name('ground_truth')} {topic.name}"
            notes.append(f"{topic.name} is not taken for the true poses: {reason}; {remedy}")
        else:
            found.append(topic)
    return found
