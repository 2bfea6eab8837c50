"""ROS node of VLocNet++: images in; pose, odometry, segmentation and map->odom out."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from localization_common.camera import Camera
from localization_common.errors import ConfigError
from localization_common.keyframes.keyframe_map import KeyframeMap
from localization_common.pending_frame import FinishedFrame, PendingFrame
from localization_common.place import Place
from localization_common.refinement.refiner import Refiner
from localization_common.ros.camera_feed import CameraFeed, Frame
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.main import run
from localization_common.ros.monitor import Level
from localization_common.ros.pose_input import PoseInput
from vlocnet_ros.estimate_output import EstimateOutput, LocalizedFrame, PublishedFrame
from vlocnet_ros.runtime.frame_localizer import FrameLocalizer
from vlocnet_ros.runtime.keyframe_localizer import KeyframeLocalizer
from vlocnet_ros.runtime.localizer import Localizer
from vlocnet_ros.runtime.network_exchange import SeenFrame, with_network
from vlocnet_ros.runtime.planar_guess import planar_guess
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
        self._wheels = WheelOdometry(self, lambda: self.settings.odometry_timeout)
        self._guess = PoseInput(self, "guess", self._wheels.input.buffer, depth=10)
        self._output = EstimateOutput(self)
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
        self._output.reset()

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
        if self._localizer is not None:
            self._output.publish_names(self._localizer)

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
        values = self._output.values(localizer)
        return values | {"odometry": self._wheels.value} if isinstance(localizer, KeyframeLocalizer) else values

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
        explained = localizer.explains and self._output.explanation_wanted
        if explained:
            self.finish_pending()  # the heat map is of the network's last frame: nothing may run beside it
        localizer.labels_wanted = self._output.labels_wanted
        self._wheels.base_T_camera = base_T_camera
        self._take_guess(localizer, frame, base_T_camera)
        begun = LocalizedFrame(frame, image, base_T_camera, localizer)
        pending = PublishedFrame(self._output, begun, localizer.begin(image, frame.stamp))
        self._last = SeenFrame(image, frame.stamp)
        if not explained:
            return pending
        pending.finish()
        self._output.publish_explanation(begun)
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
        self._output.publish_names(self._localizer)
        return f"{path}: {', '.join(network.tasks.names)}"


def main(arguments: list[str] | None = None) -> int:
    """Console script."""
    return run(lambda: [VlocnetNode()], arguments)


if __name__ == "__main__":
    sys.exit(main())
