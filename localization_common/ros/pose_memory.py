"""Last pose of a node over a restart: saved at times beside the place, used at the start if the user wants it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rclpy.clock import Clock
from rclpy.clock_type import ClockType

from localization_common.errors import LocalizationError
from localization_common.files.paths import user_path
from localization_common.geometry import se3
from localization_common.place import Place
from localization_common.place.saved_pose import SavedPose, pose_file, read_saved_pose
from localization_common.ros.initial_pose import InitialPose
from localization_common.ros.monitor import Level

if TYPE_CHECKING:
    from localization_common.ros.localizer_node import LocalizerNode

Array = npt.NDArray[np.float64]

#: A pose that differs by less from the saved one is not saved again: metres, radians. It spares the disk.
_SAME_D, _SAME_A = 0.01, 0.005
_PROBLEM = "saved_pose"


class PoseMemory:
    """Saves the newest published pose `save_pose_rate` times a second, and once more when the node is deactivated.

    A thread of its own writes, so that a slow disk delays no frame. Only poses in a place are saved, with the
    identifier of its map frame, so that a pose of a place that was built anew is not used.

    Args:
        node: node whose poses are kept.
    """

    def __init__(self, node: LocalizerNode[Any]) -> None:
        self._node = node
        self._place: Place | None = None
        self._newest: SavedPose | None = None
        self._saved: SavedPose | None = None
        self._lock = threading.Lock()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="save_pose")
        self._timer: Any = None

    def open(self, place: Place | None, *, known: bool = False) -> InitialPose | None:
        """Begin in a place (None: nothing is saved); return its last pose if `initialize_at_saved_pose` is set.

        With ``known``, a user has set the pose of the start: the saved one is not used.
        """
        self._place, self._newest, self._saved = place, None, None
        if not self._node.settings.initialize_at_saved_pose:
            return None
        log = self._node.get_logger()
        if known:
            log.info("the robot starts at initial_pose, not at the saved pose: set_initial_pose is true")
            return None
        if place is None:
            log.warning("initialize_at_saved_pose needs a place: the robot may be anywhere")
            return None
        try:
            pose = read_saved_pose(self._path(place), place)
        except LocalizationError as error:
            log.warning(f"the robot may be anywhere: {error}")
            return None
        if pose is None:
            log.warning(f"the robot may be anywhere: no pose was saved yet in {self._path(place)}")
            return None
        x, y, _ = pose.position
        log.info(f"the robot starts at the saved pose x {x:.2f} m, y {y:.2f} m of {self._path(place)}")
        return InitialPose(0, self._node.settings.global_frame_id, pose.map_T_base, pose.covariance_matrix)

    def add(self, stamp: int, map_T_base: Array, covariance: Array) -> None:
        """Keep a published pose (4, 4) with its covariance (6, 6); returns at once."""
        if self._place is not None:
            frame = self._node.settings.global_frame_id
            self._newest = SavedPose.of(self._place, frame, stamp, map_T_base, covariance)

    def start(self) -> None:
        """Begin to save."""
        rate = self._node.settings.save_pose_rate
        if rate > 0.0 and self._place is not None:
            clock = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = self._node.create_timer(1.0 / rate, lambda: self._writer.submit(self.save), clock=clock)

    def stop(self) -> None:
        """Save the newest pose and stop."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
            self.save()

    def save(self) -> None:
        """Write the newest pose unless the file has it; a failure is a problem on /diagnostics."""
        with self._lock:
            pose, place = self._newest, self._place
            if pose is None or place is None:
                return
            if self._saved is not None and se3.within(self._saved.map_T_base, pose.map_T_base, _SAME_D, _SAME_A):
                return
            try:
                place.require_unchanged()
                pose.write(self._path(place))
            except LocalizationError as error:
                self._node.monitor.problem(_PROBLEM, Level.WARN, f"the last pose is not saved: {error}")
                return
            self._saved = pose
            self._node.monitor.solved(_PROBLEM)

    def _path(self, place: Place) -> Any:
        named = self._node.settings.saved_pose_filepath
        if named:
            return user_path(named, "parameter saved_pose_filepath")
        return pose_file(place, self._node.get_fully_qualified_name())
