"""Summary of the reading of a bag: findings, assumptions, and the input that was left out with its reasons."""

from __future__ import annotations

import numpy as np

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_cameras import BagCamera
from localization_common.datasets.bags.bag_images import ImageIndex
from localization_common.datasets.bags.bag_motion import BagMotion
from localization_common.datasets.bags.bag_mount import Mount
from localization_common.datasets.bags.bag_stamps import seconds
from localization_common.datasets.bags.bag_transforms import BagTransforms
from localization_common.datasets.bags.companions import Companion
from localization_common.datasets.bags.topic_choice import TopicChoice
from localization_common.datasets.sequence import Image, Poses
from localization_common.datasets.summary import FRAMES, TRUE_POSES, Finding, LeftOut, ReadingSummary, plain

#: Gaps between images are counted if they are longer than so many median gaps.
_LONG_GAP = 2.5
#: Number of topics that are named at most.
_TOPICS = 30


def summarise(
    bag: Bag,
    choice: TopicChoice,
    images: ImageIndex[Image],
    camera: BagCamera,
    mount: Mount,
    motion: BagMotion,
    transforms: BagTransforms,
    companions: tuple[Companion | None, ...],
) -> ReadingSummary:
    """Summary of a bag."""
    found = [
        Finding("topics", _topics(bag)),
        Finding("images", _images(images)),
        Finding("camera", f"{_camera(camera)}, from {camera.source}"),
        Finding("mount", f"{_position(mount)}, {mount.source}"),
        Finding("frames", _frames(motion.map_frame, mount.base_frame, images.frame_id)),
        Finding(TRUE_POSES, _known(motion.map_T_base, motion.truth)),
        Finding("odometry", _known(motion.odom_T_base, motion.odometry)),
        *(Finding(pictures.what, pictures.text) for pictures in companions if pictures is not None),
        *(Finding("remark", remark) for remark in (*camera.remarks, *mount.remarks, *motion.remarks)),
    ]
    left_out = [
        *images.refused.left_out(FRAMES),
        *motion.refused_poses.left_out("poses"),
        *motion.refused_odometry.left_out("odometry messages"),
        *camera.refused.left_out("camera_info messages"),
        *transforms.refused.left_out("transforms"),
        *_unread(bag, images),
    ]
    for pictures in companions:
        if pictures is not None:
            left_out += pictures.refused.left_out(f"pictures on {pictures.index.topic.name}")
    summary = ReadingSummary(f"{bag.path} ({bag.format})").with_found(*found).with_assumed(*choice.notes)
    return summary.with_left_out(*left_out)


def _topics(bag: Bag) -> str:
    topics = [f"{topic.name} ({topic.kind.split('/')[-1]}, {len(topic)})" for topic in bag.topics.values()]
    more = f" and {len(topics) - _TOPICS} others" if len(topics) > _TOPICS else ""
    return ", ".join(topics[:_TOPICS]) + more


def _frames(map_frame: str, base_frame: str, camera_frame: str) -> str:
    return f"map {map_frame or '-'}, base {base_frame or '-'}, camera {camera_frame or '-'}"


def _unread(bag: Bag, images: ImageIndex[Image]) -> list[LeftOut]:
    """Messages that the recording's index counts but that were not found, and damage without a count."""
    parts: list[LeftOut] = []
    for topic in bag.topics.values():
        what = FRAMES if topic is images.topic else f"messages on {topic.name}"
        parts += topic.foreign.left_out(what)
        missing = topic.promised - len(topic) - topic.foreign.total
        if missing > 0:
            parts.append(LeftOut(missing, what, "the recording's index counts them, but they cannot be read"))
    if bag.damage:
        shown = tuple(part.text() for part in bag.damage[:3])
        parts.append(LeftOut(len(bag.damage), "damaged parts of the recording", "what they held is missing", shown))
    return parts


def _images(images: ImageIndex[Image]) -> str:
    width, height = images.size
    encodings = ", ".join(plain(name, 40) for name, _ in images.encodings.most_common(5))
    text = f"{len(images.stamps)} of {images.total} on {images.topic.name} ({encodings}), {width}x{height}"
    if len(images.stamps) < 2:
        return text
    gaps = np.diff(images.stamps) * 1e-9
    usual = float(np.median(gaps))
    long = gaps[gaps > _LONG_GAP * usual]
    holes = f"; {len(long)} gaps, the longest {long.max():.2f} s" if len(long) else ""
    return f"{text}, {1.0 / usual:.1f} Hz, {seconds(images.stamps)}{holes}"


def _camera(camera: BagCamera) -> str:
    c = camera.camera
    field = 2.0 * np.degrees(np.arctan2(c.width / 2.0, c.fx))
    view = "" if c.distorted else f", {field:.0f} deg wide"
    return f"fx {c.fx:.1f}, fy {c.fy:.1f}, cx {c.cx:.1f}, cy {c.cy:.1f}, {c.distortion_model}{view}"


def _position(mount: Mount) -> str:
    x, y, z = mount.base_T_camera[:3, 3]
    return f"camera {x:.3f} {y:.3f} {z:.3f} m from the base"


def _known(poses: Poses | None, text: str) -> str:
    if poses is None:
        return text
    known = int(np.isfinite(poses[:, 0, 0]).sum())
    return f"{known} of {len(poses)} images have one: {text}" if known else text
