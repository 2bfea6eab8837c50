"""True poses of a bag: from a pose topic, from TF, or from a TUM file of the user."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_mount import Mount
from localization_common.datasets.bags.bag_stamps import clock_conflict, require_stamps
from localization_common.datasets.bags.bag_transforms import BagTransforms
from localization_common.datasets.bags.pose_track import PoseTrack, read_track
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic_choice import TopicChoice
from localization_common.datasets.bags.topic_lookup import TF, is_default, listing
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import DatasetError
from localization_common.files.trajectory_files import read_tum

#: Frames in which true poses are given.
_MAPS = ("map", "world", "earth")
#: What to type where TF's chain is the odometry's, although the user wants it.
_TAKE_TF = "if these are the true poses, type --topics.ground-truth /tf"
_HOW = (
    "record one of geometry_msgs PoseStamped, PoseWithCovarianceStamped or TransformStamped, nav_msgs/Odometry or /tf "
    "(map to base), name its topic with --topics.ground-truth, or give a TUM file with --poses FILE"
)


def usable_true_poses(
    bag: Bag,
    choice: TopicChoice,
    options: RecordingOptions,
    transforms: BagTransforms,
    mount: Mount,
    odom_frame: str,
    stamps: npt.NDArray[np.int64],
    remarks: list[str],
) -> PoseTrack | None:
    """True poses as recorded, brought to the base; None where there are none.

    Args:
        bag: recording.
        choice: topics.
        options: file with true poses.
        transforms: TF of the recording.
        mount: frame of the base.
        odom_frame: frame in which the odometry is given.
        stamps: (N,) stamps of the images.
        remarks: list to which a sentence is added where there are poses that are not used.

    Raises:
        DatasetError: poses that the user named are of another time, or TF does not join their frames to the base.
    """
    try:
        truth = _true_poses(bag, choice, options, transforms, mount, odom_frame, remarks)
        if truth is None:
            return None
        require_stamps(truth.stamps, f"{bag.path}: {truth.name}")
        if conflict := clock_conflict(stamps, choice.image.name, truth.stamps, truth.name):
            raise DatasetError(f"{bag.path}: {conflict}")
    except DatasetError as error:
        if options.pose_file is not None or not is_default(options.topics, "ground_truth"):
            raise
        remarks.append(f"the true poses are not used: {error}")
        return None
    return truth


def _true_poses(
    bag: Bag,
    choice: TopicChoice,
    options: RecordingOptions,
    transforms: BagTransforms,
    mount: Mount,
    odom_frame: str,
    remarks: list[str],
) -> PoseTrack | None:
    if options.pose_file is not None:
        return _of_file(options.pose_file, mount.base_frame)
    if not options.reads_poses:
        return None
    if choice.truth is not None and choice.truth.kind != TF:
        read = read_track(bag, choice.truth)
        return in_base_frame(bag, read, transforms, mount) if len(read) else None
    track: PoseTrack | None = None
    for frame in _MAPS if mount.base_frame else ():
        if choice.truth is None and (odom := _odometry_below(transforms, frame, odom_frame, mount.base_frame)):
            remarks.append(f"{frame} -> {odom} never moves: that is the odometry, no true pose; {_TAKE_TF}")
        elif (track := transforms.track(frame, mount.base_frame)) is not None:
            break
    if track is None and choice.truth is not None:
        raise DatasetError(
            f"{bag.path}: TF on {choice.truth.name} has no chain from {' or '.join(_MAPS)} to the base "
            f"({mount.base_frame or 'name it with --base-frame'}); "
            f"frames in TF: {', '.join(transforms.frames) or 'none'}"
        )
    return track


def _odometry_below(transforms: BagTransforms, map_frame: str, odom_frame: str, base_frame: str) -> str:
    """Frame of the odometry if TF from a map to the base is nothing but the odometry; else empty."""
    for odom in ("odom", odom_frame):
        above = transforms.chain(map_frame, odom)
        moves = any(link in transforms.moving for link in above or ())
        if above and not moves and transforms.chain(odom, base_frame):
            return odom
    return ""


def _of_file(path: Path, base_frame: str) -> PoseTrack:
    trajectory, refused = read_tum(path), Tally()
    for line in trajectory.unknown:
        refused.add("the pose is not known", line)
    for line in trajectory.doubled:
        refused.add("another line has the same stamp", line)
    return PoseTrack(str(path), trajectory.stamps, trajectory.poses, "map", base_frame, refused)


def in_base_frame(bag: Bag, track: PoseTrack, transforms: BagTransforms, mount: Mount) -> PoseTrack:
    """Poses of the base from poses of a frame that is fixed to it; a topic without child frame is taken for the base.

    Raises:
        DatasetError: TF does not join the two frames.
    """
    child = track.child_frame_id
    if not child or child == mount.base_frame or not mount.base_frame:
        return track
    joined = transforms.joined(child, resting=True)
    if mount.base_frame not in joined:
        raise DatasetError(
            f"{bag.path}: {track.name} has poses of {child}, and TF does not join that to the base "
            f"({mount.base_frame}); record /tf_static, or name the base with --base-frame"
        )
    return track.of_child(joined[mount.base_frame], mount.base_frame)


def no_poses_reason(bag: Bag, options: RecordingOptions) -> str:
    """Sentence on how to get true poses, and on the topics with poses that were not taken."""
    if not options.reads_poses:
        return f"--poses {options.poses}"
    there = [topic for topic in bag.topics.values() if topic.kind.split("/")[-1].startswith("Pose")]
    return (f"poses are on {listing(there)}; " if there else "") + _HOW
