"""ROS node of VLocNet++: images in; pose, odometry, segmentation and map->odom out."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import Image

from localization_common.camera import Camera
from localization_common.errors import ConfigError
from localization_common.geometry import se3
from localization_common.geometry.odometry_integration import base_covariance
from localization_common.geometry.pose_probability import probability_near
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.pending_frame import FinishedFrame, PendingFrame
from localization_common.place import Place
from localization_common.refinement.refiner import Refiner
from localization_common.report.palette import circled, heat_overlay
from localization_common.ros.camera_feed import CameraFeed, Frame
from localization_common.ros.conversions import image_from_array
from localization_common.ros.estimate_checks import require_finite
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.main import run
from localization_common.ros.monitor import Level
from localization_common.ros.odometry_output import OdometryOutput
from localization_common.ros.outputs import wanted
from localization_common.ros.pose_input import PoseInput
from localization_common.ros.segmentation_publishers import SegmentationPublishers
from vlocnet_ros.runtime.estimate import Estimate, Health
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.network_exchange import SeenFrame, with_network
from vlocnet_ros.runtime.planar_guess import planar_guess
from vlocnet_ros.runtime.refinement_diagnostics import RefinementDiagnostics
from vlocnet_ros.runtime.refining_localizer import RefiningLocalizer
from vlocnet_ros.settings import VlocnetSettings
from vlocnet_ros.wheel_odometry import WheelOdometry

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
        self._place: Place | None = None
        self._last: SeenFrame | None = None
        self._refinements = RefinementDiagnostics()
        self._wheels = WheelOdometry(self, lambda: self.settings.odometry_timeout)
        self._guess = PoseInput(self, "guess", self._wheels.input.buffer, depth=10)
        publisher = self.create_lifecycle_publisher
        self._odometry = OdometryOutput(self, lambda: self.settings.publish_odom_tf)
        self._segmentation = SegmentationPublishers(self)
        self._explanation = publisher(Image, "~/explanation", 5)
        self._matched_points = publisher(Image, "~/matched_points", 5)
        self.work.serve_prepared_job("~/load_checkpoint", self._open_network, self._exchange)

    def load(self) -> None:
        """Read the checkpoint and the keyframe map; one of them is enough."""
        settings = self.settings
        place = self.open_place()
        checkpoint, map_path = settings.checkpoint_file(place), settings.used_map(place)
        if checkpoint is not None:
            network = self._read_network(checkpoint)
            self._localizer = network if map_path is None else RefiningLocalizer.with_map(network, map_path)
        else:
            assert map_path is not None
            self._wheels.input.subscribe()
            frozen_after, refiner = round(1e9 * settings.frozen_timeout), Refiner(KeyframeMap.load(map_path))
            self._localizer = KeyframeLocalizer(refiner, self._wheels.at, frozen_after=frozen_after)
            self.get_logger().info(f"{map_path}: poses without a network, motions from {self._wheels.topic}")
        if place is not None:
            place.require_unchanged()
        self._place = place
        self._guess.pending = self.poses.memory.open(place)
        self._odometry.reset()
        self._refinements = RefinementDiagnostics()

    def _read_network(self, path: Path) -> Localizer:
        settings = self.settings
        network = Localizer.from_checkpoint(
            path,
            backend=settings.backend,
            device=settings.device,
            half=settings.half,
            threads=settings.threads or None,
            fuse=settings.fuse_poses,
            frozen_after=round(1e9 * settings.frozen_timeout),
        )
        streams, classes = ", ".join(network.tasks.names), len(network.class_names)
        self.get_logger().info(f"{path}: {streams}; {classes} classes, on {settings.device} by {network.backend_name}")
        return network

    def unload(self) -> None:
        """Drop the network and the map."""
        self._localizer, self._last = None, None

    def activate(self) -> None:
        """Publish the names of the class ids, once; begin to save the last pose."""
        super().activate()
        self._publish_names()

    def _publish_names(self) -> None:
        if self._localizer is not None and self._localizer.class_names:
            self._segmentation.publish_names(self._localizer.class_names)

    def set_camera(self, camera: Camera) -> None:
        """Set the localizer's camera."""
        assert self._localizer is not None
        self._localizer.set_camera(camera)
        if (share := self._localizer.view_share) < 1.0:
            text = f"the camera shows {share:.0%} of the network's view: poses and labels are less accurate"
            self.monitor.problem("view", Level.WARN, text)
        else:
            self.monitor.solved("view")
        if isinstance(self._localizer, RefiningLocalizer) and self._localizer.obstacle:
            self.monitor.problem("refinement", Level.WARN, f"poses are not refined: {self._localizer.obstacle}")
        else:
            self.monitor.solved("refinement")

    def restart(self, now: int | None) -> None:
        """Drop the previous frames; the published odometry continues from its present pose."""
        assert self._localizer is not None
        self._localizer.reset()
        if now is not None:
            self._wheels.input.go_back(now)

    def values(self) -> dict[str, str]:
        """Diagnostics values: streams of the network, and the refinement."""
        localizer = self._localizer
        if localizer is None:
            return {"streams": "none"}
        values = {"streams": ", ".join(localizer.tasks.names), "odometry subscribers": str(self._odometry.subscribers)}
        if isinstance(localizer, KeyframeLocalizer):
            values = {"streams": "pose, of the keyframe map", "odometry": self._wheels.value}
        elif not isinstance(localizer, RefiningLocalizer):
            return values | {"refined": "no: there is no keyframe map, or refine is false"}
        return values | self._refinements.values

    def ready(self, frame: Frame) -> bool:
        """True if TF has the mount of the camera and the odometry is there, or the frame has waited long enough."""
        if isinstance(self._localizer, KeyframeLocalizer) and not self._wheels.ready(frame):
            return False
        return self.mount.known(frame) or time.monotonic() - frame.arrived > self.settings.transform_timeout

    def begin(self, frame: Frame, image: Picture) -> PendingFrame[None]:
        """Run the network, or extract features without one; the pending frame refines the pose and publishes."""
        localizer = self._localizer
        assert localizer is not None
        base_T_camera = self.mount.base_T_camera(frame, self.patience(self.settings.transform_timeout))
        explained = localizer.explains and wanted(self._explanation)
        if explained:
            self.finish_pending()  # the heat map is of the network's last frame: nothing may run beside it
        localizer.labels_wanted = self._segmentation.wanted
        self._wheels.base_T_camera = base_T_camera
        self._take_guess(localizer, frame, base_T_camera)
        pending = PublishedFrame(self, frame, image, base_T_camera, localizer.begin(image, frame.stamp))
        self._last = SeenFrame(image, frame.stamp)
        if not explained:
            return pending
        pending.finish()
        self._publish_explanation(frame, image)
        return FinishedFrame(None)

    def _take_guess(self, localizer: FrameLocalizer, frame: Frame, base_T_camera: Array) -> None:
        """Give the newest pose of another localizer to the search in the keyframe map."""
        guess = self._guess.take()
        if guess is None or not isinstance(localizer, KeyframeLocalizer | RefiningLocalizer):
            return
        odom_T_base = self._wheels.input.buffer.at_or_latest(frame.stamp)

        def hint(mean: Array, covariance: Array) -> None:
            localizer.hint(planar_guess(mean, covariance, base_T_camera))

        self._guess.place(guess, frame.stamp, odom_T_base, hint)

    def publish(self, frame: Frame, image: Picture, base_T_camera: Array, estimate: Estimate) -> None:
        """Publish an estimate; nothing of streams that the network lacks."""
        assert self._localizer is not None
        self.monitor.inference.add(estimate.timings["total"])
        self._refinements.add(estimate)
        tasks = self._localizer.tasks
        map_T_base = self._publish_pose(estimate, base_T_camera) if tasks.localizes else None
        if tasks.odometry:  # after the pose: dmn, which waits for this odometry, then has the frame's pose as well
            motion, covariance = estimate.previous_T_camera, estimate.motion_covariance
            self._odometry.publish(frame.stamp, motion, covariance, base_T_camera)
        self._odometry.check_tf(measured=tasks.odometry)
        if map_T_base is not None:
            self.broadcast(map_T_base, frame.stamp)
        if estimate.labels is not None:
            self._publish_segmentation(frame, image, estimate)
        if estimate.refinement is not None and wanted(self._matched_points):
            points = circled(image, estimate.refinement.pixels)
            self._matched_points.publish(image_from_array(points, "rgb8", frame.header))

    def _publish_pose(self, estimate: Estimate, base_T_camera: Array) -> Array | None:
        """Publish the pose of the base and return it (4, 4); None for a skipped frame, or while lost."""
        if estimate.health is Health.LOST:
            self.monitor.problem("lost", Level.ERROR, f"lost: {estimate.reason}")
        if not estimate.health.published:
            self.poses.none()
            return None
        if estimate.health is Health.UNCERTAIN:
            self.monitor.problem("lost", Level.WARN, f"uncertain: {estimate.reason}")
        else:
            self.monitor.solved("lost")
        map_T_base = estimate.map_T_camera @ se3.inverse(base_T_camera)
        covariance = base_covariance(estimate.covariance, estimate.map_T_camera, base_T_camera)
        quality = probability_near(covariance)
        return map_T_base if self.poses.publish(estimate.stamp, map_T_base, covariance, quality) else None

    def _publish_segmentation(self, frame: Frame, image: Picture, estimate: Estimate) -> None:
        if not self._segmentation.wanted:
            return
        assert self._localizer is not None
        assert estimate.labels is not None
        assert estimate.label_confidence is not None
        labels, confidence = map(self._localizer.labels_in_image, (estimate.labels, estimate.label_confidence))
        opacity = self.settings.overlay_opacity
        self._segmentation.publish(frame.header, image, labels, confidence, opacity=opacity)

    def _publish_explanation(self, frame: Frame, image: Picture) -> None:
        """Publish the heat map, after everything else of the frame."""
        assert self._localizer is not None
        found = self._localizer.explain()
        if not self.results.passes("explanation", lambda: require_finite("explanation", found)):
            return
        heat = self._localizer.labels_in_image(found, fill=0)
        overlay = heat_overlay(image, heat, self.settings.overlay_opacity)
        self._explanation.publish(image_from_array(overlay, "rgb8", frame.header))

    def _open_network(self) -> tuple[Path, Localizer]:
        """Read the checkpoint beside the frames, and set the present camera.

        Raises:
            ConfigError: there is no checkpoint.
            CheckpointError: the file cannot be used.
            CameraError: the camera cannot show the network's field of view.
            MapError: the place was built anew since it was opened.
        """
        place = self.open_place()
        if place is not None and self._place is not None:
            place.require_frame_of(self._place)
        path = self.settings.checkpoint_file(place)
        if path is None:
            raise ConfigError("parameter checkpoint is empty, and the place has no network yet; train one first")
        network = self._read_network(path)
        if self.camera is not None:
            network.set_camera(self.camera)
        return path, network

    def _exchange(self, opened: tuple[Path, Localizer]) -> str:
        """Use another network from the next frame on; the poses that the keyframe map confirmed are kept."""
        path, network = opened
        if self._localizer is None:
            raise ConfigError("the node was cleaned up while the checkpoint was read")
        if self.camera is not None:
            network.set_camera(self.camera)
        self._localizer = with_network(self._localizer, network, self._last)
        self._publish_names()
        return f"{path}: {', '.join(network.tasks.names)}"


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
