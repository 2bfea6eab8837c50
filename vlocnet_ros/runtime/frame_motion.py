"""Motion of the camera between two frames: regressed, and aligned where the network has depth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from vlocnet_ros.network.vlocnetpp import Prediction
from vlocnet_ros.runtime.direct_alignment import DirectAlignment, View
from vlocnet_ros.runtime.frame_pose import transform

Array = npt.NDArray[np.float64]


class FrameMotion:
    """Motion from a prediction and the image pyramids of both frames.

    Args:
        camera: camera of the network's input.
        iterations: see `DirectAlignment`.
        prior_std: see `Backend.motion_prior`; None for a network without direct alignment.
    """

    def __init__(self, camera: Camera, iterations: tuple[int, ...], prior_std: Array | None) -> None:
        self._alignment = None if prior_std is None else DirectAlignment(camera, iterations, prior_std)

    def view(self, prediction: Prediction) -> View | None:
        """Image pyramid of a frame, tensors on the CPU; None for a network without direct alignment."""
        if self._alignment is None or prediction.grey is None or prediction.depth is None:
            return None
        return self._alignment.view(prediction.grey[0, 0].numpy(), prediction.depth[0, 0].numpy())

    def between(self, prediction: Prediction, view: View | None, previous: View | None) -> Array | None:
        """Pose (4, 4) of the camera in the optical frame of the frame before; None without odometry."""
        regressed = transform(prediction.relative_translation, prediction.relative_quaternion)
        if self._alignment is None or regressed is None or view is None or previous is None:
            return regressed
        return self._alignment.align(view, previous, regressed)
