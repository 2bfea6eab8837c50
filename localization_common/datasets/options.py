"""Options of every command that reads a recording."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from transforms3d import euler

from localization_common.datasets.rosbag2_topics import BagTopics
from localization_common.errors import ConfigError
from localization_common.geometry import se3

#: Values of `RecordingOptions.poses`: the SfM pseudo ground truth of 7-Scenes; the recording's own poses; no poses.
SFM, RECORDED, NONE = "sfm", "recorded", "none"


@dataclass(frozen=True)
class RecordingOptions:
    """Information for the reading of a recording that the recording itself lacks.

    Attributes:
        topics: topics of a bag.
        base_frame: TF frame of the robot's base in a bag; if empty, by the same rule as in the nodes.
        mount: x y z roll pitch yaw: pose of the camera on the robot's base, in metres and degrees, with the camera's x
            axis forward along its view, y left, z up. Roll, pitch and yaw are those of tf2_ros
            static_transform_publisher (there in radians): a camera that looks straight ahead has 0 0 0, one that looks
            20 degrees down has 0 20 0. It replaces the mount in a bag's own TF.
        camera: file with the intrinsics, used instead of the recording's: ROS camera_info (YAML), COLMAP cameras.txt,
            Kalibr camchain (YAML), or a text file with the 3x3 matrix K.
        place: directory of a place (localization_map). It gives the poses of its drives, and the command's networks and
            maps where they are not named.
        poses: TUM file with true poses of the robot's base, used instead of the recording's; or sfm, for 7-Scenes:
            poses from structure from motion (pgt/sfm/7scenes beside the scenes); or recorded: those in the recording,
            although there is a place; they must be in its map frame; or none: those in a bag are not read.
        max_pose_gap: seconds between two true poses over which poses are interpolated; by default 0.5, and 3 where
            odometry carries the poses.
    """

    topics: BagTopics = field(default_factory=BagTopics)
    base_frame: str = ""
    mount: tuple[float, float, float, float, float, float] | None = None
    camera: Path | None = None
    place: Path | None = None
    poses: str = ""
    max_pose_gap: float | None = None

    def __post_init__(self) -> None:
        if self.mount is not None and not np.isfinite(self.mount).all():
            raise ConfigError(f"mount: {self.mount} holds NaN or infinity; give x y z (m) roll pitch yaw (deg)")
        if self.max_pose_gap is not None and not (np.isfinite(self.max_pose_gap) and self.max_pose_gap > 0):
            raise ConfigError(f"max_pose_gap: {self.max_pose_gap} is not a positive number of seconds")

    @property
    def base_T_camera(self) -> npt.NDArray[np.float64] | None:
        """(4, 4) mount as a transform to the camera's *optical* frame; None if it was not given."""
        if self.mount is None:
            return None
        base_T_body = np.eye(4)
        base_T_body[:3, :3] = euler.euler2mat(*np.radians(self.mount[3:]), axes="sxyz")
        base_T_body[:3, 3] = self.mount[:3]
        return np.asarray(base_T_body @ se3.BODY_T_OPTICAL)

    @property
    def reads_poses(self) -> bool:
        """True if the true poses are those in the recording."""
        return self.pose_file is None and self.poses != NONE

    @property
    def pose_file(self) -> Path | None:
        """File with true poses of the base; None if it was not given."""
        return Path(self.poses).expanduser() if self.poses not in ("", SFM, RECORDED, NONE) else None
