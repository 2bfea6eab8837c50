"""Publisher of the odometry that the camera measures: topic and, where nobody else sends it, TF."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from nav_msgs.msg import Odometry

from localization_common.geometry.odometry_integration import OdometryIntegrator, OdometrySample
from localization_common.ros.estimate_checks import require_publishable, require_twist
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.monitor import Level
from localization_common.ros.outputs import odometry_message

Array = npt.NDArray[np.float64]


class OdometryOutput:
    """Sums the motions of the camera and publishes ``~/odometry``.

    Args:
        node: publishes.
        publish_tf: returns True if odom -> base is broadcast, too.
    """

    def __init__(self, node: LocalizerNode[Any], publish_tf: Callable[[], bool]) -> None:
        self._node, self._publish_tf = node, publish_tf
        self._sum = OdometryIntegrator()
        self._publisher = node.create_lifecycle_publisher(Odometry, "~/odometry", 50)

    @property
    def subscribers(self) -> int:
        """Number of connected subscribers: a subscriber that connects later misses the messages before."""
        return int(self._publisher.get_subscription_count())

    def reset(self) -> None:
        """Begin a new odometry at the base."""
        self._sum.reset()

    def publish(self, stamp: int, motion: Array | None, covariance: Array | None, base_T_camera: Array) -> None:
        """Publish the odometry after one more frame.

        Args:
            stamp: stamp of the image, nanoseconds.
            motion: (4, 4) motion since the previous frame, in the previous optical frame; None on a first frame.
            covariance: (6, 6) of that motion.
            base_T_camera: (4, 4) mount of the camera.
        """
        node, results = self._node, self._node.results
        if motion is not None and covariance is not None and not results.publishable("odometry", motion, covariance):
            return  # the sum would keep such a motion for ever
        sample = self._sum.step(stamp, motion, covariance, base_T_camera)
        if not results.passes("odometry", partial(_require_publishable, sample)):
            return
        odom, base = node.settings.odom_frame_id, node.base_frame.name()
        self._publisher.publish(odometry_message(sample, odom, base))
        if self._publish_tf():
            node.transforms.send(odom, base, sample.odom_T_base, sample.stamp)

    def check_tf(self, *, measured: bool) -> None:
        """Report a wish for TF if no network measures an odometry."""
        if self._publish_tf() and not measured:
            text = "publish_odom_tf is set, but the network has no odometry stream: nobody broadcasts odom -> base here"
            self._node.monitor.problem("publish_odom_tf", Level.WARN, text)
        else:
            self._node.monitor.solved("publish_odom_tf")


def _require_publishable(sample: OdometrySample) -> None:
    require_publishable("odometry", sample.odom_T_base, sample.covariance)
    require_twist("odometry", sample.twist, sample.twist_covariance)
