"""True poses of a bag: from a pose topic, from TF, or from a TUM file of the user."""

from __future__ import annotations

from pathlib import Path

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_mount import Mount
from localization_common.datasets.bags.bag_transforms import BagTransforms
from localization_common.datasets.bags.pose_track import PoseTrack, read_track
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic_choice import TopicChoice
from localization_common.datasets.bags.topic_lookup import TF, listing
from localization_common.datasets.options import RecordingOptions
from localization_common.errors import DatasetError
from localization_common.files.trajectory_files import read_tum

#: Frames in which true poses are given.
_MAPS = ("map", "world", "earth")
_HOW = (
    "record one of geometry_msgs PoseStamped, PoseWithCovarianceStamped or TransformStamped, nav_msgs/Odometry or /tf "
    "(map to base), name its topic with --topics.ground-truth, or give a TUM file with --poses FILE"
)


def read_true_poses(
    bag: Bag, choice: TopicChoice, options: RecordingOptions, transforms: BagTransforms, mount: Mount
) -> PoseTrack | None:
    """True poses as recorded, brought to the base; None where there are none.

    Raises:
        DatasetError: the file or the topic cannot be used, or TF does not join its frames to the base.
    """
    if options.pose_file is not None:
        return _of_file(options.pose_file, mount.base_frame)
    if choice.truth is not None and choice.truth.kind != TF:
        read = read_track(bag, choice.truth)
        return in_base_frame(bag, read, transforms, mount) if len(read) else None
    tracks = (transforms.track(frame, mount.base_frame) for frame in _MAPS if mount.base_frame)
    track: PoseTrack | None = next((one for one in tracks if one is not None), None)
    if track is None and choice.truth is not None:
        raise DatasetError(
            f"{bag.path}: TF on {choice.truth.name} has no chain from {' or '.join(_MAPS)} to the base "
            f"({mount.base_frame or 'name it with --base-frame'}); "
            f"frames in TF: {', '.join(transforms.frames) or 'none'}"
        )
    return track


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


def no_poses_reason(bag: Bag) -> str:
    """Sentence on how to get true poses, and on the topics with poses that were not taken."""
    there = [topic for topic in bag.topics.values() if topic.kind.split("/")[-1].startswith("Pose")]
    return (f"poses are on {listing(there)}; " if there else "") + _HOW
