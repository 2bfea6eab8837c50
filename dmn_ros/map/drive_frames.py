"""Frames of drives for maps and training: planar poses, and images adapted to the network's camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dmn_ros.map.planar_mount import PlanarMount, mount_of
from localization_common.camera import Camera
from localization_common.camera.upright import level_adapter
from localization_common.datasets.sequence import Sequence
from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import planar_odometry

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DriveFrames:
    """Frames of one drive.

    Attributes:
        name: name of the drive.
        images: (N, H, W, 3) uint8 images, adapted to the network's camera.
        poses: (N, 3) planar map_P_base, metres and radians.
        odometry: (N, 3) planar odom_P_base; the ground truth if the drive has no odometry.
        stamps: (N,) nanoseconds.
        mount: (x, y, yaw) planar base_P_camera, metres and radians; x ahead, y left for both frames.
        seen: (N, H, W) True for the pixels that the camera sees; the others have the mean colour. None: all are seen.
    """

    name: str
    images: Tensor
    poses: Array
    odometry: Array
    stamps: npt.NDArray[np.int64]
    mount: PlanarMount = (0.0, 0.0, 0.0)
    seen: Tensor | None = None

    def of_camera(self) -> DriveFrames:
        """Return the frames with the poses of the camera instead of those of the base."""
        return self.on_base((0.0, 0.0, 0.0))

    def on_base(self, mount: PlanarMount) -> DriveFrames:
        """Return the frames with the poses of a base that has this mount; the odometry does not change."""
        if mount == self.mount:
            return self
        old_P_new = planar.compose(np.array(self.mount), planar.inverse(np.array(mount)))
        return replace(self, poses=planar.compose(self.poses, old_P_new), mount=mount)


def read_frames(sequence: Sequence, camera: Camera, *, partial_views: bool = False) -> DriveFrames:
    """Read all frames of a sequence, adapted to the network's camera.

    Args:
        sequence: frames with poses.
        camera: camera of the network.
        partial_views: accept a narrow or tilted camera, and rotate the images of a tilted one upright.

    Raises:
        CameraError: the sequence's camera does not see the field of view that the network needs.
    """
    adapter = level_adapter(sequence.camera, camera, sequence.base_T_camera[:3, :3], partial=partial_views)
    images = torch.from_numpy(np.stack([adapter(sequence.read_image(i)) for i in range(len(sequence))]))
    seen = torch.from_numpy(adapter.seen).expand(images.shape[:3]) if adapter.partial else None
    poses = planar.from_se3(sequence.map_T_base)
    odometry = poses if sequence.odom_T_base is None else planar_odometry(sequence.odom_T_base, sequence.has_odometry)
    mount = mount_of(sequence.base_T_camera)
    return DriveFrames(sequence.name, images, poses, odometry, sequence.stamps, mount, seen)


def bounds_of(poses: Array, margin: float) -> tuple[float, float, float, float]:
    """Bounds (min_x, min_y, max_x, max_y) of poses (N, 3) with a margin, metres."""
    low, high = poses[:, :2].min(axis=0) - margin, poses[:, :2].max(axis=0) + margin
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
