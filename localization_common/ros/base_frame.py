"""Choice of the robot's base frame: parameter `base_frame_id`, or the rule that readers of recordings use."""

from __future__ import annotations

from collections.abc import Callable

from localization_common.messages.base_frame import BASE_FRAMES, choose_base_frame
from localization_common.ros.settings import NodeSettings
from localization_common.ros.transforms import Transforms


class BaseFrame:
    """Name of the base frame. If the parameter is empty, the frame is searched in TF once and kept until `reset`.

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

    def name(self, *joined_to: str) -> str:
        """Return the name of the base frame: the parameter, the frame found in TF, or the first candidate.

        Args:
            joined_to: frames of the camera or of the odometry; TF must join one of them to the base.
        """
        wanted = self._settings().base_frame_id
        if wanted or self._found:
            return wanted or self._found
        for frame in joined_to:
            names = filter(None, (*BASE_FRAMES, self.odometry_child))
            joined = [name for name in names if name != frame and self._transforms.connected(name, frame)]
            self._found = choose_base_frame(joined, odometry_child=self.odometry_child)
            if self._found:
                self._log(f"poses are of {self._found}, which TF joins to {frame} (base_frame_id is empty)")
                return self._found
        return self.odometry_child or BASE_FRAMES[0]

    @property
    def wanted(self) -> str:
        """Names of the candidates, for messages to the user."""
        return self._settings().base_frame_id or self._found or " or ".join(BASE_FRAMES)
