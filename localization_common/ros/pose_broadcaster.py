"""Broadcaster of the transform of a localizer: map->odom, map->base, or none. No thread waits for TF."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from localization_common.ros.base_frame import BaseFrame
from localization_common.ros.map_correction import MapCorrection
from localization_common.ros.monitor import Level, Monitor
from localization_common.ros.settings import MAP_BASE, MAP_ODOM, NodeSettings
from localization_common.ros.tf_advice import missing_odometry
from localization_common.ros.tf_buffer import TransformError
from localization_common.ros.transforms import Transforms

Array = npt.NDArray[np.float64]

#: Largest number of poses that wait for the odometry's TF: ten seconds of a camera with 30 Hz.
WAITING = 300
_PROBLEM = "odom_tf"
#: A relocalisation stays on /diagnostics for so many seconds.
_SHOWN_FOR = 5.0


class PoseBroadcaster:
    """Sends the transform of `tf_mode`. map->odom needs odom->base at the stamp of the image, which may come later.

    Poses wait until TF reaches their stamps; the newest of those is sent. `broadcast` returns at once. map->odom
    follows the poses without jumps, see `MapCorrection`. Nothing is sent before `start` and after `stop`.

    Attributes:
        relocalizations: number of jumps of map->odom since the start.

    Args:
        transforms: TF; calls `send_waiting` when TF has changed.
        base_frame: name of the base frame.
        settings: returns the present parameters of the node.
        monitor: receives the problem that the odometry's TF is missing.
    """

    def __init__(
        self, transforms: Transforms, base_frame: BaseFrame, settings: Callable[[], NodeSettings], monitor: Monitor
    ) -> None:
        self._transforms, self._base_frame, self._settings, self._monitor = transforms, base_frame, settings, monitor
        self._waiting: deque[tuple[int, Array]] = deque(maxlen=WAITING)
        self._correction = MapCorrection()
        self.relocalizations = 0
        self._since: float | None = None  # arrival of the first pose that no transform was sent for
        self._unusable = ""  # why TF was no use for the last pose that it reached
        self._started = False
        self._lock = threading.Lock()
        transforms.add_listener(self.send_waiting)

    def start(self) -> None:
        """Send from now on; the next pose is a start."""
        self.clear()
        self._started = True

    def stop(self) -> None:
        """Send nothing any more; forget the waiting poses."""
        with self._lock:
            self._started = False
        self.clear()

    def broadcast(self, map_T_base: Array, stamp: int) -> None:
        """Send the transform of a pose (4, 4) of the base at a stamp (nanoseconds), now or when TF has the odometry.

        It is dated ahead by `transform_tolerance`.
        """
        settings = self._settings()
        if settings.broadcasts != MAP_ODOM:
            self.clear()
        with self._lock:
            if not self._started:
                return
            if settings.broadcasts == MAP_BASE:
                dated = stamp + int(settings.transform_tolerance * 1e9)
                self._transforms.send(settings.global_frame_id, self._base_frame.name(), map_T_base, dated)
            if settings.broadcasts != MAP_ODOM:
                return
            self._waiting.append((stamp, map_T_base))
            self._since = self._since or time.monotonic()
        self.send_waiting()
        self.check()

    def send_waiting(self) -> None:
        """Send map->odom of the newest pose that the odometry's TF reaches."""
        settings = self._settings()
        if settings.broadcasts != MAP_ODOM:
            return
        odom = settings.odom_frame_id
        base = self._base_frame.name(odom)
        with self._lock:
            reached, pose = self._transforms.latest(odom, base), None
            while reached is not None and self._waiting and self._waiting[0][0] <= reached:
                pose = self._waiting.popleft()
            if pose is None:
                return
            stamp, map_T_base = pose
            try:
                odom_T_base = self._transforms.lookup(odom, base, stamp)
            except TransformError as error:  # TF begins after the stamp, or has another clock
                self._unusable = str(error)
                return
            correction = self._correction.next(
                stamp,
                map_T_base,
                odom_T_base,
                speed=settings.max_correction_speed,
                turning=settings.max_correction_angular_speed,
                ahead=settings.transform_tolerance,
            )
            dated = stamp + int(settings.transform_tolerance * 1e9)
            self._transforms.send(settings.global_frame_id, odom, correction.map_T_odom, dated)
            self._since, self._unusable = time.monotonic() if self._waiting else None, ""
        self._monitor.solved(_PROBLEM)
        if correction.jump is not None:
            self._report_jump(*correction.jump)

    def relocalize(self) -> None:
        """Let map->odom jump to the next pose: a user has set it, or the belief began anew."""
        with self._lock:
            self._correction.relocalize()

    def check(self) -> None:
        """Report a problem if poses wait too long; called once a second, also while no pose arrives."""
        settings = self._settings()
        odom = settings.odom_frame_id
        base = self._base_frame.name(odom)
        with self._lock:
            if self._since is None or settings.broadcasts != MAP_ODOM:
                return
            silent, unusable = time.monotonic() - self._since, self._unusable
            stamp = self._waiting[-1][0] if self._waiting else None
        if self._transforms.connected(odom, base):
            if silent <= settings.transform_timeout:
                return
            missing = unusable if stamp is None else self._missing(odom, base, stamp)
            reason = f"{missing}: does the odometry still send {odom} -> {base}, and with the images' clock?"
        else:
            missing = reason = missing_odometry(odom, base, self._transforms.frames, self._transforms.graph)
        if missing:
            text = f"no {settings.global_frame_id} -> {odom} for {silent:.0f} s, only ~/pose: {reason}"
            self._monitor.problem(_PROBLEM, Level.WARN, text)

    def _missing(self, odom: str, base: str, stamp: int) -> str:
        try:
            self._transforms.lookup(odom, base, stamp)
        except TransformError as error:
            return str(error)
        return ""

    def _report_jump(self, distance: float, angle: float) -> None:
        self.relocalizations += 1
        settings = self._settings()
        text = f"relocalized: {settings.global_frame_id} -> {settings.odom_frame_id} jumps by {distance:.2f} m, "
        text += f"{np.degrees(angle):.0f} deg at the base"
        self._monitor.problem("relocalized", Level.WARN, text, seconds=_SHOWN_FOR)

    def clear(self) -> None:
        """Forget the waiting poses and the correction: the next pose is a start."""
        with self._lock:
            self._waiting.clear()
            self._correction.clear()
            self._since, self._unusable = None, ""
        self._monitor.solved(_PROBLEM)
