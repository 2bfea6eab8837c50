"""Choice of the robot's base frame: parameter `base_frame_id`, or the rule that readers of recordings use."""

from __future__ import annotations

from collections.abc import Callable

from localization_common.messages.base_frame import BASE_FRAMES, choose_base_frame
from localization_common.ros.settings import NodeSettings
from localization_common.ros.transforms import Transforms


class BaseFrame:
    """Name of the base frame. If the parameter is empty, the frame is searched in TF.

    The frame that TF joins to the camera is kept until `reset`. One that it joins to the odometry is not: the static
    transforms, which may name a better one, may come later.

    Args:
        transforms: TF.
        settings: returns the present parameters of the node.
        log: called with a sentence when the frame is found.
    """

    def __init__(
        self, transforms: Transforms, settings: Callable[[], NodeSettings], log: Callable[[str], None]
    ) -> None:
        self._transforms, self._settings, self._log = transforms, settings, log
        self._found = ""
        #: ``child_frame_id`` of the robot's odometry, if the node subscribes to odometry.
        self.odometry_child = ""

    def reset(self) -> None:
        """Search the frame again."""
        self._found = ""

    def name(self, odom: str = "", *, camera: str = "") -> str:
        """Return the name of the base frame: the parameter, the frame found in TF, or the first candidate.

        Args:
            odom: frame of the odometry, and
            camera: frame of the camera; TF must join one of them to the base.
        """
        wanted = self._settings().base_frame_id
        if wanted or self._found:
            return wanted or self._found
        if camera and (found := self._joined_to(camera)):
            self._found = found
            self._log(f"poses are of {found}, which TF joins to {camera} (base_frame_id is empty)")
        else:
            found = self._joined_to(odom) if odom else ""
        return found or self.odometry_child or BASE_FRAMES[0]

    def _joined_to(self, frame: str) -> str:
        names = filter(None, (*BASE_FRAMES, self.odometry_child))
        joined = [name for name in names if name != frame and self._transforms.connected(name, frame)]
        return choose_base_frame(joined, odometry_child=self.odometry_child)

    @property
    def wanted(self) -> str:
        """Names of the candidates, for messages to the user."""
        return self._settings().base_frame_id or self._found or " or ".join(BASE_FRAMES)
