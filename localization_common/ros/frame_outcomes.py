"""Outcomes of frames: done, refused with a reason, or failed by a defect of this program."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node

from localization_common.errors import CameraError, EstimateError, LocalizationError
from localization_common.pending_frame import PendingFrame
from localization_common.ros.camera_feed import Frame
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
    (EstimateError, "estimate", Level.ERROR),
    (StampError, STAMPS, Level.WARN),
    (LocalizationError, "input", Level.WARN),
)
_UNEXPECTED = "unexpected"


class FrameOutcomes:
    """Counts frames by their outcome; a refused or failed frame is a problem until a frame is done.

    Args:
        node: logs defects.
        monitor: holds counts and problems.
        no_pose: called after a frame that was refused or failed: it has no pose.
    """

    def __init__(self, node: Node, monitor: Monitor, no_pose: Callable[[], None]) -> None:
        self._node, self._monitor, self._no_pose = node, monitor, no_pose

    def observe_age(self, stamp: int) -> None:
        """Keep the age of a frame that is finished, from its stamp (nanoseconds) to ROS time."""
        self._monitor.stamp_age = (self._node.get_clock().now().nanoseconds - stamp) * 1e-9

    def done(self, latency: float) -> None:
        """Count a frame that was done, ``latency`` milliseconds after it arrived."""
        for key in (_UNEXPECTED, *(key for _, key, _ in _REFUSALS if key != STAMPS)):
            self._monitor.solved(key)
        self._monitor.processed += 1
        self._monitor.output_rate.tick()
        self._monitor.latency.add(latency)

    def refused(self, error: LocalizationError) -> None:
        """Count a frame that cannot be used, because of its image, odometry, transform or camera."""
        self._monitor.refused += 1
        key, level = next((key, level) for kind, key, level in _REFUSALS if isinstance(error, kind))
        self._monitor.problem(key, level, str(error))
        self._no_pose()

    def failed(self, error: Exception) -> None:
        """Count a frame that met a defect of this program; the next frame may not."""
        if not self._node.context.ok():
            return  # the process is ending: nothing can be published any more
        text = "".join(traceback.format_exception(error))
        self._node.get_logger().error(f"a frame failed unexpectedly:\n{text}", throttle_duration_sec=60.0)
        self._monitor.refused += 1
        self._monitor.problem(_UNEXPECTED, Level.ERROR, f"unexpected: {type(error).__name__}: {error}")
        self._no_pose()


@dataclass(frozen=True)
class CountedFrame:
    """A frame of a node: its outcome is counted and announced when it is finished.

    Attributes:
        frame: the image message.
        pending: the node's part of the work.
        outcomes: counts.
        processed: publisher of the headers of finished frames.
    """

    frame: Frame
    pending: PendingFrame[None]
    outcomes: FrameOutcomes
    processed: Any

    def finish(self) -> None:
        """Finish the node's part; count first, so that a frame which is announced is counted."""
        try:
            self.pending.finish()
        except LocalizationError as error:
            self.outcomes.refused(error)
        except Exception as error:
            self.outcomes.failed(error)
        else:
            self.outcomes.done((time.monotonic() - self.frame.arrived) * 1e3)
        finally:
            self.outcomes.observe_age(self.frame.stamp)
            self.processed.publish(self.frame.header)
