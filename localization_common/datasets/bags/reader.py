"""Reader of bags: a `Sequence` of every image that can be decoded, with pose and odometry where they are known."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_cameras import BagCamera, find_camera
from localization_common.datasets.bags.bag_images import ImageIndex, index_images
from localization_common.datasets.bags.bag_motion import read_motion, read_odometry
from localization_common.datasets.bags.bag_mount import find_mount
from localization_common.datasets.bags.bag_summary import summarise
from localization_common.datasets.bags.bag_transforms import BagTransforms
from localization_common.datasets.bags.companions import companion
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic import Topic
from localization_common.datasets.bags.topic_choice import TopicChoice, choose_topics
from localization_common.datasets.bags.topic_lookup import COMPRESSED
from localization_common.datasets.camera_files import read_camera
from localization_common.datasets.frame_names import count_periods
from localization_common.datasets.options import SFM, RecordingOptions
from localization_common.datasets.sequence import Image, Sequence
from localization_common.errors import DatasetError
from localization_common.messages.bits import BitsInUse
from localization_common.messages.compressed import rgb_from_compressed
from localization_common.messages.depth import depth_from
from localization_common.messages.images import labels_from, rgb_from


def read_bag(path: str | Path, options: RecordingOptions | None = None) -> Sequence:
    """Sequence of a rosbag2 (directory, .mcap or .db3) or of a ROS 1 bag (.bag).

    Every image that can be decoded is a frame. Its true pose is interpolated, or carried by the odometry, where true
    poses are near enough in time; else it is unknown (NaN). Frame numbers count image periods (the median time between
    images) since the first image, so that lost images leave gaps. The summary holds the findings, the topics that were
    taken, and the input that was left out with its reasons.

    Args:
        path: path of the recording.
        options: information that the recording lacks.

    Raises:
        DatasetError: no bag; or images, calibration or the mount of the camera are missing.
    """
    options = options or RecordingOptions()
    if options.poses == SFM:
        raise DatasetError(f"{path}: --poses sfm is for 7-Scenes; give a TUM file, or leave it out")
    bag = Bag(Path(path))
    try:
        return _read(bag, options)
    except DatasetError as error:
        if not bag.damage:
            raise
        raise DatasetError(f"{error}; the recording is damaged, too: {bag.damage[0].text()}") from error


def _read(bag: Bag, options: RecordingOptions) -> Sequence:
    transforms = BagTransforms(bag, options.topics.tf_static)
    choice = choose_topics(bag, options, transforms)
    images = index_images(bag, choice.image, _rgb_decoder(choice.image))
    numbers_of_all = count_periods(images.stamps)
    camera = _camera(bag, choice, images, options)
    numbers = dict(zip(images.stamps.tolist(), numbers_of_all.tolist(), strict=True))
    images = images.of_size(camera.camera.width, camera.camera.height)
    odometry = read_odometry(bag, choice)
    mount = find_mount(
        str(bag.path),
        transforms,
        options,
        camera_frame=images.frame_id or camera.frame_id,
        odometry_child="" if odometry is None else odometry.child_frame_id,
    )
    motion = read_motion(bag, choice, options, transforms, mount, odometry, images.stamps)
    depth = companion("depth", bag, choice.depth, depth_from, images, np.float32(np.nan))
    labels = companion("labels", bag, choice.labels, labels_from, images, np.uint8(255))
    bag.forget_kept()
    return Sequence(
        name=Path(bag.path.name.removesuffix(".zstd")).stem if bag.path.is_file() else bag.path.name,
        camera=camera.camera,
        frame_numbers=np.array([numbers[stamp] for stamp in images.stamps.tolist()], dtype=np.int64),
        stamps=images.stamps,
        map_T_camera=motion.map_T_base @ mount.base_T_camera,
        read_image=images.read,
        read_depth=None if depth is None else depth.read,
        read_labels=None if labels is None else labels.read,
        class_names=_class_names(bag, choice.label_names),
        base_T_camera=mount.base_T_camera,
        odom_T_base=motion.odom_T_base,
        summary=summarise(bag, choice, images, camera, mount, motion, transforms, (depth, labels)),
    )


def _rgb_decoder(topic: Topic) -> Any:
    """Decoder of messages to RGB; once the topic is indexed, the bits in use are those of the whole topic."""
    bits = BitsInUse()
    return partial(rgb_from_compressed if topic.kind == COMPRESSED else rgb_from, bits=bits)


def _camera(bag: Bag, choice: TopicChoice, images: ImageIndex[Image], options: RecordingOptions) -> BagCamera:
    if options.camera is None:
        return find_camera(bag, choice.camera_info, choice.image.name, images.size)
    camera = read_camera(options.camera, size=images.size)
    if (camera.width, camera.height) != images.size:
        width, height = images.size
        raise DatasetError(
            f"{options.camera}: is of {camera.width}x{camera.height} pixels, images on {choice.image.name} are "
            f"{width}x{height}; give the calibration of this camera at this resolution"
        )
    return BagCamera(camera, "", str(options.camera), (), Tally())


def _class_names(bag: Bag, topic: Topic | None) -> tuple[str, ...]:
    if topic is None:
        return ()
    message = bag.message(topic, 0)
    try:
        names = json.loads(message.data)
        if not isinstance(names, list):
            raise TypeError(f"it is a {type(names).__name__}")
        return tuple(str(name) for name in names)
    except (TypeError, ValueError, RecursionError) as error:
        raise DatasetError(f"{bag.path}: {topic.name} is not a JSON list of names ({error})") from error
