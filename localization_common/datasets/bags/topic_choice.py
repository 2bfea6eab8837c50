"""Choice of a bag's topics: the named one, the usual one, or the only one of its type; never a guess."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.camera_topics import choose_camera_info, choose_image
from localization_common.datasets.bags.depth_topic import choose_depth
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.bags.topic_lookup import (
    IMAGE,
    ODOMETRY,
    POSES,
    STRING,
    TF,
    is_default,
    listing,
    named_topic,
    single_topic,
)
from localization_common.datasets.rosbag2_topics import BagTopics

#: Topics whose poses were not measured: goals and guesses.
_NOT_MEASURED = ("initialpose", "goal", "goal_pose", "goal_update", "clicked_pose", "plan")
_TRUE_NAMES = ("ground_truth", "groundtruth", "ground_truth_pose", "gt_pose")


@dataclass(frozen=True)
class TopicChoice:
    """Topics of one recording; None where there is none.

    Attributes:
        notes: sentences on topics that were taken though they have another name than usual, and on topics that could
            not be chosen.
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
        DatasetError: a topic that the user named is missing, empty or of another type; or there are no images; or there
            are several cameras and the user named none.
    """
    notes: list[str] = []
    image = choose_image(bag, wanted, notes)
    truth = _truth(bag, wanted, notes)
    odometry = single_topic(bag, wanted, "odom", (ODOMETRY,), notes, without=() if truth is None else (truth.name,))
    camera_info = choose_camera_info(bag, wanted, image, notes)
    return TopicChoice(
        image=image,
        camera_info=camera_info,
        odometry=odometry,
        truth=truth,
        depth=choose_depth(bag, wanted, image, camera_info, notes),
        labels=named_topic(bag, wanted, "labels", (IMAGE,)),
        label_names=named_topic(bag, wanted, "label_names", (STRING,)),
        notes=tuple(notes),
    )


def _truth(bag: Bag, wanted: BagTopics, notes: list[str]) -> Topic | None:
    named = named_topic(bag, wanted, "ground_truth", POSES)
    if named is not None or not is_default(wanted, "ground_truth"):
        return named
    filled = [topic for topic in bag.of_kind(*POSES) if len(topic) > 1 and topic.kind != TF]
    true = [topic for topic in filled if any(part in _TRUE_NAMES for part in topic.name.lower().split("/"))]
    measured = [topic for topic in filled if topic.kind != ODOMETRY and topic.name.split("/")[-1] not in _NOT_MEASURED]
    for found in (true, measured):
        if len(found) == 1:
            notes.append(f"{found[0].name} ({found[0].kind}) is taken for the true poses")
            return found[0]
        if found:
            notes.append(f"{listing(found)}: several may be true poses; name one with --topics.ground-truth")
            return None
    return None
