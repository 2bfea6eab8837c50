"""The frame of the robot's base: the parameter's, or by the rule that recordings are read with, too."""

from __future__ import annotations

from collections.abc import Callable

from localization_common.messages.base_frame import BASE_FRAMES, choose_base_frame
from localization_common.ros.settings import NodeSettings
from localization_common.ros.transforms import Transforms


class BaseFrame:
    """Name of the base's frame. Where the parameter is empty, it is found in TF once and kept until `reset`.

    Args:
        transforms: TF.
        settings: the node's, at this moment.
        log: called with a sentence when the frame was found.
    """

    def __init__(
        self, transforms: Transforms, settings: Callable[[], NodeSettings], log: Callable[[str], None]
    ) -> None:
        self._transforms, self._settings, self._log = transforms, settings, log
        self._found = ""
        #: ``child_frame_id`` of the robot's odometry, where the node hears it.
        self.odometry_child = ""

    def reset(self) -> None:
        """Look for it again."""
        self._found = ""

    def name(self, *joined_to: str) -> str:
        """Name of the frame: given, found, or the first that is looked for.

        Args:
            joined_to: frames of which TF must join one to the base: the camera's, the odometry's.
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
        """Names that are looked for, for messages to the user."""
        return self._settings().base_frame_id or self._found or " or ".join(BASE_FRAMES)
