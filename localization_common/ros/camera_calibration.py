"""Calibration of a camera from camera_info messages; a calibration in use is not replaced by an unusable message."""

from __future__ import annotations

import threading
import time

from sensor_msgs.msg import CameraInfo

from localization_common.camera import Camera
from localization_common.errors import CameraError
from localization_common.messages import camera_from

#: A calibration in use is kept for so many seconds after its last message, even if other messages arrive.
KEPT_FOR = 2.0
#: An ignored camera_info stays on /diagnostics for so many seconds.
COMPLAINED_FOR = 5.0


class CameraCalibration:
    """Newest usable calibration, or the reason why there is none.

    While images use a calibration, a message that is unusable or for another image size does not replace it. It
    becomes a `complaint`, because two cameras may publish on one topic.
    """

    def __init__(self) -> None:
        self._camera: Camera | None = None
        self._error = ""
        self._in_use, self._heard = False, 0.0
        self._complaint, self._complained = "", -float("inf")
        self._changed = threading.Condition()

    @property
    def came(self) -> bool:
        """True if a camera_info has arrived, usable or not: then nobody needs to wait for it."""
        return self._camera is not None or bool(self._error)

    def wait(self, timeout: float) -> tuple[Camera | None, str]:
        """Return the camera, or None and the reason; wait ``timeout`` seconds for the first message."""
        with self._changed:
            self._changed.wait_for(lambda: self.came, timeout)
            return self._camera, self._error

    def use(self, camera: Camera) -> None:
        """Note that an image was used with this calibration."""
        with self._changed:
            if camera == self._camera:
                self._in_use, self._heard = True, time.monotonic()

    @property
    def complaint(self) -> str:
        """Sentence about a camera_info that was ignored in the last seconds, or an empty string."""
        return self._complaint if time.monotonic() - self._complained < COMPLAINED_FOR else ""

    def take(self, message: CameraInfo, topic: str, *, rectified: bool) -> None:
        """Use a message from a topic, or ignore it with a complaint."""
        camera, problem = None, ""
        try:
            camera = camera_from(message, rectified=rectified)
        except CameraError as error:
            problem = f"camera_info on {topic} cannot be used: {error}"
        with self._changed:
            fits = camera is not None and self._camera is not None and _size(camera) == _size(self._camera)
            if self._camera is not None and self._in_use and not fits and time.monotonic() - self._heard < KEPT_FOR:
                if camera is not None:
                    problem = f"camera_info on {topic} is for {_size(camera)}: do two cameras publish there?"
                kept = f"the calibration for {_size(self._camera)}, which images use, is kept"
                self._complaint, self._complained = f"{problem}; {kept}", time.monotonic()
                return
            self._camera, self._error = camera, problem
            self._in_use, self._heard = self._in_use and fits, time.monotonic()
            self._changed.notify_all()


def _size(camera: Camera) -> str:
    return f"{camera.width}x{camera.height}"
