"""True poses and odometry of a bag at the stamps of its images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.datasets.bags.bag import Bag
from localization_common.datasets.bags.bag_mount import Mount
from localization_common.datasets.bags.bag_stamps import clock_conflict, require_stamps
from localization_common.datasets.bags.bag_transforms import BagTransforms
from localization_common.datasets.bags.pose_track import PoseTrack, read_track
from localization_common.datasets.bags.tally import Tally
from localization_common.datasets.bags.topic_choice import TopicChoice
from localization_common.datasets.bags.true_poses import in_base_frame, no_poses_reason, usable_true_poses
from localization_common.datasets.options import RecordingOptions
from localization_common.datasets.pose_interpolation import carried_poses_at, poses_at
from localization_common.datasets.sequence import Poses
from localization_common.errors import DatasetError

#: Seconds between true poses over which images get a pose: without odometry, and where odometry carries the poses.
POSE_GAP, CARRIED_POSE_GAP = 0.5, 3.0
#: Seconds between odometry messages over which the robot's motion is interpolated, and seconds beyond their ends over
#: which it is extrapolated: enough for odometry at 1 Hz that loses a message.
ODOMETRY_GAP, ODOMETRY_AHEAD = 2.5, 0.5


@dataclass(frozen=True)
class BagMotion:
    """True poses and odometry at N images.

    Attributes:
        map_T_base: (N, 4, 4), NaN where unknown.
        odom_T_base: (N, 4, 4), NaN where unknown; None without odometry.
        truth, odometry: lines on each, for people.
        map_frame: frame in which the true poses are given.
        tracks: true poses and odometry as recorded; None where there is none.
        refused_poses, refused_odometry: messages that are not used.
        remarks: sentences on possible mistakes.
    """

    map_T_base: Poses
    odom_T_base: Poses | None
    truth: str
    odometry: str
    map_frame: str
    tracks: tuple[PoseTrack | None, PoseTrack | None]
    refused_poses: Tally
    refused_odometry: Tally
    remarks: tuple[str, ...]


def read_odometry(bag: Bag, choice: TopicChoice) -> PoseTrack | None:
    """Odometry of the chosen topic; None without one."""
    if choice.odometry is None:
        return None
    track = read_track(bag, choice.odometry)
    return track if len(track) else None


def read_motion(
    bag: Bag,
    choice: TopicChoice,
    options: RecordingOptions,
    transforms: BagTransforms,
    mount: Mount,
    odometry: PoseTrack | None,
    stamps: npt.NDArray[np.int64],
) -> BagMotion:
    """True poses and odometry of the base at images' stamps (N,).

    Raises:
        DatasetError: the user named poses of another time, or of a frame that TF does not join to the base.
    """
    remarks: list[str] = []
    if odometry is None and mount.base_frame:
        odometry = transforms.track("odom", mount.base_frame)
    odom_frame = "odom" if odometry is None else odometry.frame_id
    odometry = None if odometry is None else _usable_odometry(bag, choice, transforms, mount, odometry, stamps, remarks)
    truth = usable_true_poses(bag, choice, options, transforms, mount, odom_frame, stamps, remarks)
    odom_T_base = None if odometry is None else _at_images(odometry, stamps)
    if odom_T_base is not None and not np.isfinite(odom_T_base).any():
        odom_T_base = None
    map_T_base, how = np.full((len(stamps), 4, 4), np.nan), ""
    if truth is not None:
        map_T_base, how = _poses_at_images(truth, odometry, odom_T_base, stamps, options.max_pose_gap)
    return BagMotion(
        map_T_base=map_T_base,
        odom_T_base=odom_T_base,
        truth=_describe(truth, how) if truth is not None else f"none: {no_poses_reason(bag, options)}",
        odometry="none"
        if odom_T_base is None or odometry is None
        else _describe(odometry, _ahead(odometry, stamps, odom_T_base)),
        map_frame="" if truth is None else truth.frame_id,
        tracks=(truth, odometry),
        refused_poses=Tally() if truth is None else truth.refused,
        refused_odometry=Tally() if odometry is None else odometry.refused,
        remarks=tuple(remarks),
    )


def _usable_odometry(
    bag: Bag,
    choice: TopicChoice,
    transforms: BagTransforms,
    mount: Mount,
    odometry: PoseTrack,
    stamps: npt.NDArray[np.int64],
    remarks: list[str],
) -> PoseTrack | None:
    """Odometry of the base; None, with a remark, if it cannot be used."""
    try:
        require_stamps(odometry.stamps, odometry.name)
        odometry = in_base_frame(bag, odometry, transforms, mount)
    except DatasetError as error:
        remarks.append(f"the odometry is not used: {error}")
        return None
    if conflict := clock_conflict(stamps, choice.image.name, odometry.stamps, odometry.name):
        remarks.append(f"the odometry is not used: {conflict}")
        return None
    return odometry


def _at_images(odometry: PoseTrack, stamps: npt.NDArray[np.int64]) -> Poses:
    return poses_at(
        stamps, odometry.stamps, odometry.poses, max_gap_s=ODOMETRY_GAP, max_ahead_s=ODOMETRY_AHEAD, arcs=True
    )


def _poses_at_images(
    truth: PoseTrack,
    odometry: PoseTrack | None,
    odom_T_base: Poses | None,
    stamps: npt.NDArray[np.int64],
    max_gap: float | None,
) -> tuple[Poses, str]:
    """True poses (N, 4, 4) at images, NaN where unknown; and the method in words."""
    plain_gap = POSE_GAP if max_gap is None else max_gap
    if odometry is None or odom_T_base is None:
        poses = poses_at(stamps, truth.stamps, truth.poses, max_gap_s=plain_gap)
        return poses, f"interpolated over gaps of up to {plain_gap:g} s"
    carried_gap = CARRIED_POSE_GAP if max_gap is None else max_gap
    at_truth = _at_images(odometry, truth.stamps)
    carried = carried_poses_at(stamps, truth.stamps, truth.poses, odom_T_base, at_truth, max_gap_s=carried_gap)
    plain = poses_at(stamps, truth.stamps, truth.poses, max_gap_s=min(POSE_GAP, plain_gap))
    known = np.isfinite(carried[:, 0, 0])
    how = f"carried by the odometry over gaps of up to {carried_gap:g} s"
    return np.where(known[:, None, None], carried, plain), how


def _describe(track: PoseTrack, how: str) -> str:
    child = track.child_frame_id or "base"
    rate = "" if len(track) < 2 else f", every {track.median_gap:.3g} s"
    longest = "" if len(track) < 2 else f", longest gap {np.diff(track.stamps).max() * 1e-9:.3g} s"
    return f"{len(track)} poses of {child} in {track.frame_id or '(no frame)'} on {track.name}{rate}{longest}" + (
        f"; {how}" if how else ""
    )


def _ahead(odometry: PoseTrack, stamps: npt.NDArray[np.int64], odom_T_base: Poses) -> str:
    """Sentence with the number of images beyond the ends of the odometry; empty if there are none."""
    early, late = odometry.stamps[0] - stamps, stamps - odometry.stamps[-1]
    count = int(((np.maximum(early, late) > 0) & np.isfinite(odom_T_base[:, 0, 0])).sum())
    return f"extrapolated by up to {ODOMETRY_AHEAD:g} s for {count} images" if count else ""
