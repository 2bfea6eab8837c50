"""Identity of a drive: results of finished stages are used again only for the same drive."""

from __future__ import annotations

import hashlib

import numpy as np

from localization_common.datasets.sequence import Sequence

#: Number of images, spread over the drive, whose content counts.
_IMAGES = 5


def identity(drive: Sequence) -> str:
    """Text that differs for other frames, odometry, camera, mount or images.

    The content of a few images is read: a drive that was recorded anew at the same place may have the same stamps.
    """
    digest = hashlib.sha256()
    for array in (drive.frame_numbers, drive.stamps, drive.odom_T_base, drive.base_T_camera):
        digest.update(np.ascontiguousarray(array if array is not None else np.empty(0)).tobytes())
    for position in np.unique(np.linspace(0, len(drive) - 1, _IMAGES).astype(int)).tolist():
        digest.update(np.ascontiguousarray(drive.read_image(position)).tobytes())
    depth = "" if drive.read_depth is None else "depth"
    return f"{drive.summary.source} {drive.name} {drive.camera} {depth} {digest.hexdigest()}"
