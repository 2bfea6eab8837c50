"""The one transform that a localizer broadcasts: map->odom, map->base, or none. Nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from localization_common.ros.base_frame import BaseFrame
from localization_common.ros.monitor import Level, Monitor
from localization_common.ros.settings import MAP_BASE, MAP_ODOM, NodeSettings
from localization_common.ros.tf_advice import missing_odometry
from localization_common.ros.tf_buffer import TransformError
from localization_common.ros.transforms import Transforms, map_T_odom

Array = npt.NDArray[np.float64]

#: Poses that may wait for the odometry's TF: ten seconds of a camera with 30 Hz.
WAITING = 300
_PROBLEM = "odom_tf"


class PoseBroadcaster:
    """Sends what `tf_mode` asks for. map->odom needs odom->base at the image's stamp, and that may come later.

    Poses wait here until TF reaches them; of those that it reaches, the newest is sent. The thread that brings a pose
    goes on at once.

    Args:
        transforms: sends, and knows the odometry; it also says when TF has changed.
        base_frame: names the base.
        settings: the node's, at this moment.
        monitor: is told that the odometry's TF is missing.
    """

    def __init__(
        self, transforms: Transforms, base_frame: BaseFrame, settings: Callable[[], NodeSettings], monitor: Monitor
    ) -> None:
        self._transforms, self._base_frame, self._settings, self._monitor = transforms, base_frame, settings, monitor
        self._waiting: deque[tuple[int, Array]] = deque(maxlen=WAITING)
        self._since: float | None = None  # when the first pose came that nothing was sent for
        self._lock = threading.Lock()
        transforms.add_listener(self.send_waiting)

    def broadcast(self, map_T_base: Array, stamp: int) -> None:
        """Send a pose (4, 4) of the base at a stamp (nanoseconds), dated ahead by `transform_tolerance`, or later."""
        settings = self._settings()
        if settings.broadcasts == MAP_BASE:
            dated = stamp + int(settings.transform_tolerance * 1e9)
            self._transforms.send(settings.global_frame_id, self._base_frame.name(), map_T_base, dated)
        if settings.broadcasts != MAP_ODOM:
            self.clear()
            return
        with self._lock:
            self._waiting.append((stamp, map_T_base))
            self._since = self._since or time.monotonic()
        self.send_waiting()
        self.check()

    def send_waiting(self) -> None:
        """Send map->odom of the newest pose that the odometry's TF reaches."""
        settings = self._settings()
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
            except TransformError:  # TF begins after it
                return
            dated = stamp + int(settings.transform_tolerance * 1e9)
            self._transforms.send(settings.global_frame_id, odom, map_T_odom(map_T_base, odom_T_base), dated)
            self._since = time.monotonic() if self._waiting else None
        self._monitor.solved(_PROBLEM)

    def check(self) -> None:
        """Say so if poses wait too long; called again and again, also while no pose comes."""
        settings = self._settings()
        odom = settings.odom_frame_id
        base = self._base_frame.name(odom)
        with self._lock:
            if self._since is None or not self._waiting:
                return
            silent, stamp = time.monotonic() - self._since, self._waiting[-1][0]
        connected = self._transforms.connected(odom, base)
        if connected and silent <= settings.transform_timeout:
            return
        try:
            self._transforms.lookup(odom, base, stamp)
        except TransformError as error:
            if connected:
                reason = f"{error}: does the odometry still send {odom} -> {base}, and with the images' clock?"
            else:
                reason = missing_odometry(odom, base, self._transforms.frames, self._transforms.graph)
            text = f"no {settings.global_frame_id} -> {odom} for {silent:.0f} s, only ~/pose: {reason}"
            self._monitor.problem(_PROBLEM, Level.WARN, text)

    def clear(self) -> None:
        """Forget the poses that wait."""
        with self._lock:
            self._waiting.clear()
            self._since = None
        self._monitor.solved(_PROBLEM)
