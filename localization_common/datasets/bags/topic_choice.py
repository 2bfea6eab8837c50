"""Choice of a bag's topics: the named one, the usual one, or the only one of its type; never a guess."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_transforms import BagTransforms
from localization_common.datasets.bags.camera_topics import choose_camera_info, choose_image
from localization_common.datasets.bags.depth_topic import choose_depth
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.bags.topic_lookup import (
    IMAGE,
    ODOMETRY,
    STRING,
    named_topic,
    single_topic,
)
from localization_common.datasets.bags.truth_choice import choose_truth
from localization_common.datasets.options import RecordingOptions


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


def choose_topics(bag: Bag, options: RecordingOptions, transforms: BagTransforms) -> TopicChoice:
    """Choose the topics of a bag.

    Args:
        bag: bag to look in.
        options: names of topics; with poses of another source, no true poses are chosen.
        transforms: TF of the bag.

    Raises:
        DatasetError: a topic that the user named is missing, empty or of another type; or there are no images; or there
            are several cameras and the user named none.
    """
    wanted, notes, on_truth = options.topics, list[str](), list[str]()
    image = choose_image(bag, wanted, notes)
    truth = choose_truth(bag, options, transforms, image, on_truth)
    notes += on_truth if options.reads_poses else ()
    odometry = single_topic(bag, wanted, "odom", (ODOMETRY,), notes, without=() if truth is None else (truth.name,))
    camera_info = choose_camera_info(bag, wanted, image, notes)
    return TopicChoice(
        image=image,
        camera_info=camera_info,
        odometry=odometry,
        truth=truth if options.reads_poses else None,
        depth=choose_depth(bag, wanted, image, camera_info, notes),
        labels=named_topic(bag, wanted, "labels", (IMAGE,)),
        label_names=named_topic(bag, wanted, "label_names", (STRING,)),
        notes=tuple(notes),
    )
