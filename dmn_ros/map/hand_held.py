"""Recordings of hand-held cameras as those of a level camera of the network."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera, CameraAdapter
from localization_common.camera.upright import level_adapter
from localization_common.datasets.sequence import Image, Sequence
from localization_common.errors import CameraError


@dataclass(frozen=True)
class _Upright:
    """Reader of images, each through an adapter of its own."""

    sequence: Sequence
    adapters: tuple[CameraAdapter, ...]

    def __call__(self, position: int) -> Image:
        return self.adapters[position](self.sequence.read_image(position))


def upright(sequence: Sequence, camera: Camera, *, partial_views: bool) -> Sequence:
    """Rotate each image of a hand-held camera upright.

    The roll and pitch of each pose are used; they stand for those of an IMU. The z axis of the poses' frame must point
    up. Frames without a pose, or tilted too far, are left out.

    Args:
        sequence: frames with poses.
        camera: camera of the network; the result is as if this camera had taken it.
        partial_views: accept images that fill a part of the network's view.

    Raises:
        CameraError: the network does not accept the camera.
        DatasetError: no frames are left.
    """
    CameraAdapter(sequence.camera, camera, partial=partial_views)  # refuses the lens, however it is held
    adapters = {}
    for i in np.nonzero(sequence.has_pose)[0].tolist():
        with suppress(CameraError):
            adapters[i] = level_adapter(
                sequence.camera, camera, sequence.map_T_camera[i, :3, :3], partial=partial_views
            )
    kept: npt.NDArray[np.int64] = np.array(list(adapters), dtype=np.int64)
    selected = sequence.select(kept)
    return replace(
        selected, camera=camera, read_image=_Upright(selected, tuple(adapters.values())), read_depth=None,
        read_labels=None,
    )  # fmt: skip
