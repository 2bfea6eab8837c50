"""ROS node of VLocNet++: images in; pose, odometry, segmentation and map->odom out."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Image

from localization_common.camera import Camera
from localization_common.geometry import se3
from localization_common.geometry.odometry_integration import OdometryIntegrator, base_covariance
from localization_common.pending_frame import FinishedFrame, PendingFrame
from localization_common.report.palette import circled, heat_overlay, label_palette, tinted
from localization_common.ros.camera_feed import CameraFeed, Frame
from localization_common.ros.conversions import image_from_array
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.main import run
from localization_common.ros.monitor import Level
from localization_common.ros.outputs import LATCHED, odometry_message, pose_message, wanted
from vlocnet_ros.config import Tasks
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.refinement_diagnostics import RefinementDiagnostics
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer
from vlocnet_ros.settings import VlocnetSettings

try:
    from vision_msgs.msg import LabelInfo, VisionClass
except ImportError:
    LabelInfo = None

Array = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]


class VlocnetNode(LocalizerNode[VlocnetSettings]):
    """Publishes the estimates of the vlocnet localizer.

    Args:
        feed: camera of another node in this process; None subscribes.
        options: options of rclpy's Node.
    """

    def __init__(self, *, feed: CameraFeed | None = None, **options: object) -> None:
        super().__init__("vlocnet", VlocnetSettings, feed=feed, **options)
        self._localizer: FrameLocalizer | None = None
        self._refinements = RefinementDiagnostics()
        self._odometry = OdometryIntegrator()
        publisher = self.create_lifecycle_publisher
        self._pose = publisher(PoseWithCovarianceStamped, "~/pose", LATCHED)
        self._odom = publisher(Odometry, "~/odometry", 50)
        self._mask = publisher(Image, "segmentation/mask", 5)
        self._confidence = publisher(Image, "segmentation/confidence", 5)
        self._overlay = publisher(Image, "segmentation/overlay", 5)
        self._explanation = publisher(Image, "~/explanation", 5)
        self._matched_points = publisher(Image, "~/matched_points", 5)
        self._label_info = None if LabelInfo is None else publisher(LabelInfo, "segmentation/label_info", LATCHED)
        self._palette = label_palette()

    def load(self) -> None:
        """Read the checkpoint, and the keyframe map if there is one."""
        settings = self.settings
        place = self.open_place()
        path, map_path = settings.checkpoint_file(place), settings.used_map(place)
        threads = settings.threads or None
        localizer = Localizer.from_checkpoint(
            path,
            backend=settings.backend,
            device=settings.device,
            half=settings.half,
            threads=threads,
            fuse=settings.fuse_poses,
            frozen_after=round(1e9 * settings.frozen_timeout),
        )
        self._localizer = localizer if map_path is None else RefiningLocalizer.with_map(localizer, map_path)
        if place is not None:
            place.require_unchanged()
        self._odometry.reset()
        self._refinements = RefinementDiagnostics()
        streams, classes = ", ".join(localizer.tasks.names), len(localizer.class_names)
        self.get_logger().info(f"{path}: {streams}; {classes} classes, on {settings.device}")

    def unload(self) -> None:
        """Drop the network."""
        self._localizer = None

    def activate(self) -> None:
        """Publish the names of the class ids, once."""
        if self._label_info is not None and self._localizer is not None:
            names = self._localizer.class_names
            classes = [VisionClass(class_id=number, class_name=name) for number, name in enumerate(names)]
            self._label_info.publish(LabelInfo(class_map=classes))

    def set_camera(self, camera: Camera) -> None:
        """Set the localizer's camera."""
        assert self._localizer is not None
        self._localizer.set_camera(camera)
        if isinstance(self._localizer, RefiningLocalizer) and self._localizer.obstacle:
            self.monitor.problem("refinement", Level.WARN, f"poses are not refined: {self._localizer.obstacle}")
        else:
            self.monitor.solved("refinement")

    def restart(self, now: int | None) -> None:
        """Drop the frame pair; the odometry continues from its present pose."""
        assert self._localizer is not None
        self._localizer.reset()

    def values(self) -> dict[str, str]:
        """Diagnostics values: streams of the network, and the refinement."""
        localizer = self._localizer
        if localizer is None:
            return {"streams": "none"}
        streams = {"streams": ", ".join(localizer.tasks.names)}
        if not isinstance(localizer, RefiningLocalizer):
            return streams | {"refined": "no: there is no keyframe map, or refine is false"}
        return streams | self._refinements.values

    def ready(self, frame: Frame) -> bool:
        """True if TF has the mount of the camera, or the frame has waited for it long enough."""
        return self.mount.known(frame) or time.monotonic() - frame.arrived > self.settings.transform_timeout

    def begin(self, frame: Frame, image: Picture) -> PendingFrame[None]:
        """Run the network; the pending frame refines the pose and publishes."""
        localizer = self._localizer
        assert localizer is not None
        base_T_camera = self.mount.base_T_camera(frame, self.patience(self.settings.transform_timeout))
        explained = localizer.explains and wanted(self._explanation)
        if explained:
            self.finish_pending()  # the heat map is of the network's last frame: nothing may run beside it
        pending = PublishedFrame(self, frame, image, base_T_camera, localizer.begin(image, frame.stamp))
        if not explained:
            return pending
        pending.finish()
        self._publish_explanation(frame, image)
        return FinishedFrame(None)

    def publish(self, frame: Frame, image: Picture, base_T_camera: Array, estimate: Estimate) -> None:
        """Publish an estimate; nothing of streams that the network lacks."""
        assert self._localizer is not None
        self.monitor.inference.add(estimate.timings["total"])
        self._refinements.add(estimate)
        tasks = self._localizer.tasks
        map_T_base = self._publish_pose(estimate, base_T_camera) if tasks.localizes else None
        if tasks.odometry:  # after the pose: dmn, which waits for this odometry, then has the frame's pose as well
            self._publish_odometry(frame, estimate, base_T_camera)
        self._check_odom_tf(tasks)
        if map_T_base is not None:
            self.broadcast(map_T_base, frame.stamp)
        if estimate.labels is not None:
            self._publish_segmentation(frame, image, estimate)
        if estimate.refinement is not None and wanted(self._matched_points):
            points = circled(image, estimate.refinement.pixels)
            self._matched_points.publish(image_from_array(points, "rgb8", frame.header))

    def _publish_odometry(self, frame: Frame, estimate: Estimate, base_T_camera: Array) -> None:
        motion, covariance = estimate.previous_T_camera, estimate.motion_covariance
        if motion is not None and covariance is not None and not self.publishable("odometry", motion, covariance):
            return  # the sum would keep such a motion for ever
        sample = self._odometry.step(frame.stamp, motion, covariance, base_T_camera)
        settings = self.settings
        odom, base = settings.odom_frame_id, self.base_frame.name()
        self._odom.publish(odometry_message(sample, odom, base))
        if settings.publish_odom_tf:
            self.transforms.send(odom, base, sample.odom_T_base, sample.stamp)

    def _check_odom_tf(self, tasks: Tasks) -> None:
        if self.settings.publish_odom_tf and not tasks.odometry:
            text = "publish_odom_tf is set, but the network has no odometry stream: nobody broadcasts odom -> base here"
            self.monitor.problem("publish_odom_tf", Level.WARN, text)
        else:
            self.monitor.solved("publish_odom_tf")

    def _publish_pose(self, estimate: Estimate, base_T_camera: Array) -> Array | None:
        """Publish the pose of the base and return it (4, 4); None for a skipped frame, or while lost."""
        if estimate.health is Health.LOST:
            self.monitor.problem("lost", Level.ERROR, f"lost: {estimate.reason}")
        if not estimate.health.published:
            return None
        if estimate.health is Health.UNCERTAIN:
            self.monitor.problem("lost", Level.WARN, f"uncertain: {estimate.reason}")
        else:
            self.monitor.solved("lost")
        map_T_base = estimate.map_T_camera @ se3.inverse(base_T_camera)
        covariance = base_covariance(estimate.covariance, estimate.map_T_camera, base_T_camera)
        if not self.publishable("pose", map_T_base, covariance):
            return None
        self._pose.publish(pose_message(estimate.stamp, self.settings.global_frame_id, map_T_base, covariance))
        return map_T_base

    def _publish_segmentation(self, frame: Frame, image: Picture, estimate: Estimate) -> None:
        if not wanted(self._mask, self._confidence, self._overlay):
            return
        assert self._localizer is not None
        assert estimate.labels is not None
        assert estimate.label_confidence is not None
        labels = self._localizer.labels_in_image(estimate.labels)
        unseen = labels == 255
        self._mask.publish(image_from_array(labels, "mono8", frame.header))
        if wanted(self._confidence):
            confidence = self._localizer.labels_in_image(estimate.label_confidence)
            confidence[unseen] = 0
            self._confidence.publish(image_from_array(confidence, "mono8", frame.header))
        if wanted(self._overlay):
            mixed = tinted(image, self._palette[labels], self.settings.overlay_opacity)
            mixed[unseen] = image[unseen]
            self._overlay.publish(image_from_array(mixed, "rgb8", frame.header))

    def _publish_explanation(self, frame: Frame, image: Picture) -> None:
        """Publish the heat map, after everything else of the frame."""
        assert self._localizer is not None
        heat = self._localizer.labels_in_image(self._localizer.explain(), fill=0)
        overlay = heat_overlay(image, heat, self.settings.overlay_opacity)
        self._explanation.publish(image_from_array(overlay, "rgb8", frame.header))


@dataclass(frozen=True)
class PublishedFrame:
    """A frame whose network part is done; `finish` publishes its estimate.

    Attributes:
        node: publishes.
        frame: the image message.
        image: (H, W, 3) uint8 RGB.
        base_T_camera: (4, 4) mount of the camera at the frame's stamp.
        pending: estimate to come.
    """

    node: VlocnetNode
    frame: Frame
    image: Picture
    base_T_camera: Array
    pending: PendingFrame[Estimate]

    def finish(self) -> None:
        """Wait for the estimate and publish it."""
        self.node.publish(self.frame, self.image, self.base_T_camera, self.pending.finish())


def main(arguments: list[str] | None = None) -> int:
    """Console script."""
    return run(lambda: [VlocnetNode()], arguments)


if __name__ == "__main__":
    sys.exit(main())
