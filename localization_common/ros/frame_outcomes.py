"""What becomes of a frame: done, refused for a reason, or failed in a way that nobody expected."""

from __future__ import annotations

import traceback

from rclpy.node import Node

from localization_common.errors import CameraError, LocalizationError
from localization_common.ros.clock_guard import FutureError, StampError
from localization_common.ros.monitor import Level, Monitor
from localization_common.ros.odometry_buffer import OdometryError
from localization_common.ros.tf_buffer import TransformError

#: Name of the problem of images with wrong stamps. The next image does not solve it: every second one may be wrong.
STAMPS = "stamps"
#: Why a frame was refused: kind of error, name of the problem, its level; the first that fits.
_REFUSALS: tuple[tuple[type[LocalizationError], str, Level], ...] = (
    (TransformError, "transform", Level.ERROR),
    (CameraError, "camera", Level.ERROR),
    (OdometryError, "odometry", Level.ERROR),
    (FutureError, STAMPS, Level.ERROR),
    (StampError, STAMPS, Level.WARN),
    (LocalizationError, "input", Level.WARN),
)
_UNEXPECTED = "unexpected"


class FrameOutcomes:
    """Counts frames by how they ended, and makes problems of those that ended badly until one ends well.

    Args:
        node: logs what nobody expected.
        monitor: counts.
    """

    def __init__(self, node: Node, monitor: Monitor) -> None:
        self._node, self._monitor = node, monitor

    def done(self, latency: float) -> None:
        """All of a frame was done, so many milliseconds after it arrived."""
        for key in (_UNEXPECTED, *(key for _, key, _ in _REFUSALS if key != STAMPS)):
            self._monitor.solved(key)
        self._monitor.processed += 1
        self._monitor.output_rate.tick()
        self._monitor.latency.add(latency)

    def refused(self, error: LocalizationError) -> None:
        """A frame, or what belongs to it, cannot be used."""
        self._monitor.refused += 1
        key, level = next((key, level) for kind, key, level in _REFUSALS if isinstance(error, kind))
        self._monitor.problem(key, level, str(error))

    def failed(self, error: Exception) -> None:
        """A frame met a defect of this program; the next one may not."""
        if not self._node.context.ok():
            return  # the process is ending: nothing can be published any more
        text = "".join(traceback.format_exception(error))
        self._node.get_logger().error(f"a frame failed unexpectedly:\n{text}", throttle_duration_sec=60.0)
        self._monitor.refused += 1
        self._monitor.problem(_UNEXPECTED, Level.ERROR, f"unexpected: {type(error).__name__}: {error}")
