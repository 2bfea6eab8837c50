"""ROS node of the DMN: images and odometry in; pose, particles, belief and map->odom out."""

from __future__ import annotations

import sys

import numpy as np
import numpy.typing as npt
from std_srvs.srv import Empty, Trigger

from dmn_ros.filter.belief import Belief
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.mounted_camera import MountedCamera
from dmn_ros.runtime.localizer import Localizer
from dmn_ros.settings import DmnSettings
from localization_common.camera import Camera
from localization_common.errors import MapError
from localization_common.geometry import planar, se3
from localization_common.pending_frame import FinishedFrame
from localization_common.place import Place
from localization_common.ros.belief_publishers import BeliefPublishers
from localization_common.ros.camera_feed import CameraFeed, Frame
from localization_common.ros.conversions import covariance_from_planar
from localization_common.ros.initial_pose import InitialPose
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.main import run
from localization_common.ros.monitor import Level
from localization_common.ros.odometry_input import OdometryInput
from localization_common.ros.pose_input import PoseInput

Array = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]


class DmnNode(LocalizerNode[DmnSettings]):
    """Publishes the belief of the dmn localizer after each frame.

    Args:
        feed: camera of another node in this process; None subscribes to the images.
        options: options of rclpy's Node.
    """

    def __init__(self, *, feed: CameraFeed | None = None, **options: object) -> None:
        super().__init__("dmn", DmnSettings, feed=feed, **options)
        self._localizer: Localizer | None = None
        self._place: Place | None = None
        self._camera_on_base: MountedCamera | None = None
        self.odometry = OdometryInput(self, lambda: self.settings.odometry_timeout)
        self.odometry.subscribe()
        self._last: tuple[Picture, Belief] | None = None
        #: Pose odom_T_base (4, 4) at the last image that was weighed.
        self._weighed: Array | None = None
        self._shown = BeliefPublishers(self)
        self._initial = PoseInput(self, "initialpose", self.odometry.buffer, depth=1)
        self._initial.serve("set_initial_pose")
        self._proposal = PoseInput(self, "proposal", self.odometry.buffer, depth=10)
        self.work.serve_job(Empty, "reinitialize_global_localization", self._localize_globally)
        self.work.serve_job(Empty, "request_nomotion_update", self._request_update)
        self.work.serve_job(Trigger, "~/save_map", self._save_map)
        self.work.serve_job(Trigger, "~/load_map", self._load_map)
        self.work.serve_job(Trigger, "~/add_context", self._add_context)

    @property
    def localizer(self) -> Localizer:
        """Localizer that `load` made; it exists while the node is configured."""
        assert self._localizer is not None
        return self._localizer

    @property
    def belief(self) -> Belief | None:
        """Belief after the last frame; None before the first one."""
        return None if self._last is None else self._last[1]

    @property
    def pending_initial_pose(self) -> InitialPose | None:
        """Pose that a user set and that waits for an image."""
        return self._initial.pending

    @property
    def pending_proposal(self) -> InitialPose | None:
        """Newest pose of another localizer that waits for an image."""
        return self._proposal.pending

    # Lifecycle.

    def load(self) -> None:
        """Read checkpoint and map."""
        settings = self.settings
        place = self.open_place()
        checkpoint, map_path = settings.checkpoint_file(place), settings.map_file(place)
        self._localizer = Localizer.from_files(
            checkpoint,
            map_path,
            filter_config=settings.filter,
            device=settings.device,
            half=settings.half,
            threads=settings.threads or None,
        )
        if place is not None:
            place.require_unchanged()
        self._place = place
        self._restart_belief(self.poses.memory.open(place, known=settings.set_initial_pose))
        self.get_logger().info(f"{map_path}: {len(self.localizer.context_map)} views, on {settings.device}")
        frame = self.localizer.context_map.frame_id
        if frame != settings.global_frame_id:
            self.get_logger().warning(f"{map_path} was made in frame {frame!r}, poses are published in global_frame_id")

    def unload(self) -> None:
        """Drop network and map."""
        self._localizer, self._camera_on_base, self._last, self._weighed = None, None, None, None

    def activate(self) -> None:
        """Show the map; begin to save the last pose."""
        super().activate()
        self._publish_views()

    def set_camera(self, camera: Camera) -> None:
        """Adapt the images of this camera to the network."""
        self._camera_on_base = MountedCamera(camera, self.mount, self.monitor, self.localizer)

    def restart(self, now: int | None) -> None:
        """Restart the belief: as the parameters set it after a reset, over the whole map after a jump of the clock.

        `initial_pose` is where the robot starts. After a jump of the clock the robot may be anywhere.
        """
        if now is None:
            self._restart_belief()
            return
        self.odometry.go_back(now)
        self.localizer.reset_uniform()

    def _restart_belief(self, saved: InitialPose | None = None) -> None:
        settings = self.settings
        self.odometry.reset()
        if settings.set_initial_pose:
            self.localizer.reset_gaussian(settings.initial_pose.mean, settings.initial_pose.covariance)
        elif saved is not None:
            self.localizer.reset_saved(*saved.planar)
        else:
            self.localizer.reset_uniform()

    # Frames.

    def ready(self, frame: Frame) -> bool:
        """True if odometry reaches the frame, or if the frame has waited for it for `odometry_timeout`."""
        return self.odometry.ready(frame)

    def light(self, frame: Frame) -> bool:
        """True if the robot has hardly moved since an image was weighed: then the particles only move."""
        belief, odometry = self.belief, self.odometry.buffer
        if belief is None or self._weighed is None or frame.stamp <= belief.stamp or not odometry.reaches(frame.stamp):
            return False
        motion = se3.inverse(self._weighed) @ odometry.at_or_latest(frame.stamp)
        return not self.localizer.weighs_after(planar.from_se3(motion))

    def begin(self, frame: Frame, image: Picture) -> FinishedFrame[None]:
        """Move the particles to the image's stamp, weigh them, publish."""
        odom_T_base = self.odometry.at(frame.stamp)
        initial = self._initial.pending  # pending until an image was weighed with it; a proposal counts for one image
        self._initial.place(initial, frame.stamp, odom_T_base, self._start_at)
        proposal = self._proposal.place(self._proposal.take(), frame.stamp, odom_T_base, PlanarGaussian)
        assert self._camera_on_base is not None
        self._camera_on_base.follow(frame)
        belief = self.localizer.step(image, frame.stamp, self.odometry.planar(odom_T_base), proposal)
        self.monitor.inference.add(belief.timings["total"])
        self._initial.drop(initial)
        self._last = (image, belief)
        if belief.observed:
            self._weighed = odom_T_base
        self._publish_pose(belief)
        self._shown.publish(
            belief.stamp,
            belief.particles,
            belief.weights,
            most=self.settings.published_particles,
            bounds=self.localizer.context_map.bounds,
            cell=self.settings.belief_resolution,
        )
        return FinishedFrame(None)

    def _start_at(self, mean: Array, covariance: Array) -> None:
        """Set the belief that a user asked for."""
        self.localizer.reset_gaussian(mean, covariance)
        self.broadcaster.relocalize()

    def values(self) -> dict[str, str]:
        """Values for /diagnostics."""
        belief = self.belief
        if belief is None:
            return {}
        return {
            "localized": str(belief.localized),
            "particles": str(len(belief.particles)),
            "N_eff": f"{belief.effective_sample_size:.0f}",
            "particle spread [m]": f"{belief.spread:.2f}",
        }

    def _publish_pose(self, belief: Belief) -> None:
        if not belief.localized:
            self.monitor.problem("lost", Level.ERROR, f"not localized: {belief.reason}")
            self.poses.none()
            return
        self.monitor.solved("lost")
        map_T_base = planar.to_se3(belief.most_likely)
        covariance = covariance_from_planar(belief.pose_covariance)
        if self.poses.publish(belief.stamp, map_T_base, covariance, belief.quality):
            self.broadcast(map_T_base, belief.stamp)

    def _publish_views(self) -> None:
        self._shown.publish_views(self.localizer.context_map.poses)

    # Services.

    def _localize_globally(self) -> str:
        self.localizer.reset_uniform()
        self.broadcaster.relocalize()
        return "belief over the whole map"

    def _request_update(self) -> str:
        self.localizer.request_update()
        return "update with the next image"

    def _save_map(self) -> str:
        with self.settings.saved_map(self._place) as path:
            self.localizer.save_map(path)
        return f"{path}: {len(self.localizer.context_map)} views"

    def _load_map(self) -> str:
        if not self.settings.map_path:
            self._reopen_place()
        path = self.settings.map_file(self._place)
        self.localizer.load_map(path)
        self._restart_belief()
        self._publish_views()
        return f"{path}: {len(self.localizer.context_map)} views"

    def _reopen_place(self) -> None:
        """Open the place again: it may have been extended.

        Raises:
            MapError: it cannot be read, or was built anew: the other nodes still use the map frame of before.
        """
        place = self.open_place()
        if place is not None and self._place is not None:
            place.require_frame_of(self._place)
        self._place = place

    def _add_context(self) -> str:
        if self._last is None or not self._last[1].localized:
            raise MapError("a view needs a pose, and the node is not localized: set initialpose or drive on")
        image, belief = self._last
        self.localizer.add_context(image, belief.most_likely, belief.pose_covariance)
        self._publish_views()
        return f"{len(self.localizer.context_map)} views"


def main(arguments: list[str] | None = None) -> int:
    """Console script."""
    return run(lambda: [DmnNode()], arguments)


if __name__ == "__main__":
    sys.exit(main())
