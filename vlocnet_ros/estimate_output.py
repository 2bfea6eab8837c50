"""Publishing of what the vlocnet localizer finds in each frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from localization_common.geometry import se3
from localization_common.geometry.odometry_integration import base_covariance
from localization_common.geometry.pose_probability import probability_near
from localization_common.pending_frame import PendingFrame
from localization_common.report.palette import circled, heat_overlay
from localization_common.ros.camera_feed import Frame
from localization_common.ros.estimate_checks import require_finite
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.monitor import Level
from localization_common.ros.odometry_output import OdometryOutput
from localization_common.ros.picture_publisher import PicturePublisher
from localization_common.ros.segmentation_publishers import SegmentationPublishers
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.refinement_diagnostics import RefinementDiagnostics
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer
from vlocnet_ros.settings import VlocnetSettings

Array = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LocalizedFrame:
    """A frame that a localizer has begun.

    Attributes:
        frame: the image message.
        image: (H, W, 3) uint8 RGB.
        base_T_camera: (4, 4) mount of the camera at the frame's stamp.
        localizer: finds the estimate.
    """

    frame: Frame
    image: Picture
    base_T_camera: Array
    localizer: FrameLocalizer


class EstimateOutput:
    """Publishes pose, odometry, segmentation and pictures of the frames; nothing of streams that a network lacks."""

    def __init__(self, node: LocalizerNode[VlocnetSettings]) -> None:
        self._node = node
        self._odometry = OdometryOutput(node, lambda: node.settings.publish_odom_tf)
        self._segmentation = SegmentationPublishers(node)
        self._explanation = PicturePublisher(node, "~/explanation")
        self._matched_points = PicturePublisher(node, "~/matched_points")
        self._refinements = RefinementDiagnostics()

    def reset(self) -> None:
        """Begin a new odometry and new diagnostics."""
        self._odometry.reset()
        self._refinements = RefinementDiagnostics()

    @property
    def labels_wanted(self) -> bool:
        """True if the segmentation has a subscriber."""
        return self._segmentation.wanted

    @property
    def explanation_wanted(self) -> bool:
        """True if the heat map has a subscriber."""
        return self._explanation.wanted

    def values(self, localizer: FrameLocalizer) -> dict[str, str]:
        """Lines about this localizer for /diagnostics."""
        streams = ", ".join(localizer.tasks.names)
        values = {"streams": streams, "odometry subscribers": str(self._odometry.subscribers)}
        if isinstance(localizer, KeyframeLocalizer):
            values = {"streams": "pose, of the keyframe map"}
        elif not isinstance(localizer, RefiningLocalizer):
            return values | {"refined": "no: there is no keyframe map, or refine is false"}
        return values | self._refinements.values

    def publish_names(self, localizer: FrameLocalizer) -> None:
        """Publish the names of the class ids."""
        if localizer.class_names:
            self._segmentation.publish_names(localizer.class_names)

    def publish(self, of: LocalizedFrame, estimate: Estimate) -> None:
        """Publish the estimate of a frame."""
        node, header, stamp = self._node, of.frame.header, of.frame.stamp
        node.monitor.inference.add(estimate.timings["total"])
        self._refinements.add(estimate)
        tasks = of.localizer.tasks
        map_T_base = self._publish_pose(estimate, of.base_T_camera) if tasks.localizes else None
        if tasks.odometry:  # after the pose: dmn, which waits for this odometry, then has the frame's pose as well
            self._odometry.publish(stamp, estimate.previous_T_camera, estimate.motion_covariance, of.base_T_camera)
        self._odometry.check_tf(measured=tasks.odometry)
        if map_T_base is not None:
            node.broadcast(map_T_base, stamp)
        self._publish_segmentation(of, estimate)
        if estimate.refinement is not None and self._matched_points.wanted:
            self._matched_points.publish(header, circled(of.image, estimate.refinement.pixels))

    def publish_explanation(self, of: LocalizedFrame) -> None:
        """Publish the heat map of the localizer's last frame."""
        found = of.localizer.explain()
        if not self._node.results.passes("explanation", lambda: require_finite("explanation", found)):
            return
        heat = of.localizer.labels_in_image(found, fill=0)
        self._explanation.publish(of.frame.header, heat_overlay(of.image, heat, self._node.settings.overlay_opacity))

    def _publish_pose(self, estimate: Estimate, base_T_camera: Array) -> Array | None:
        """Publish the pose of the base and return it (4, 4); None for a skipped frame, or while lost."""
        node = self._node
        if estimate.health is Health.LOST:
            node.monitor.problem("lost", Level.ERROR, f"lost: {estimate.reason}")
        if not estimate.health.published:
            node.poses.none()
            return None
        if estimate.health is Health.UNCERTAIN:
            node.monitor.problem("lost", Level.WARN, f"uncertain: {estimate.reason}")
        else:
            node.monitor.solved("lost")
        map_T_base = estimate.map_T_camera @ se3.inverse(base_T_camera)
        covariance = base_covariance(estimate.covariance, estimate.map_T_camera, base_T_camera)
        quality = probability_near(covariance)
        return map_T_base if node.poses.publish(estimate.stamp, map_T_base, covariance, quality) else None

    def _publish_segmentation(self, of: LocalizedFrame, estimate: Estimate) -> None:
        if estimate.labels is None or estimate.label_confidence is None or not self._segmentation.wanted:
            return
        labels, confidence = map(of.localizer.labels_in_image, (estimate.labels, estimate.label_confidence))
        opacity = self._node.settings.overlay_opacity
        self._segmentation.publish(of.frame.header, of.image, labels, confidence, opacity=opacity)


@dataclass(frozen=True)
class PublishedFrame:
    """A frame whose network part is done; `finish` publishes its estimate."""

    output: EstimateOutput
    of: LocalizedFrame
    pending: PendingFrame[Estimate]

    def finish(self) -> None:
        """Wait for the estimate and publish it."""
        self.output.publish(self.of, self.pending.finish())
