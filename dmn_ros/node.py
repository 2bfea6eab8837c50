"""ROS node of the DMN: images and odometry in; pose, particles, belief and map->odom out."""

from __future__ import annotations

import sys
import time

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from std_srvs.srv import Empty, Trigger

from dmn_ros.filter.belief import Belief
from dmn_ros.filter.planar_gaussian import PlanarGaussian
from dmn_ros.map.planar_mount import conflict, mount_of
from dmn_ros.runtime.localizer import Localizer
from dmn_ros.settings import DmnSettings
from localization_common.camera import Camera
from localization_common.errors import InputError, LocalizationError, MapError
from localization_common.files.paths import existing_file
from localization_common.geometry import planar
from localization_common.geometry.odometry_integration import PlanarOdometry
from localization_common.messages import frame_name, matrix_from_pose, stamp_of
from localization_common.pending_frame import FinishedFrame
from localization_common.ros.belief_publishers import BeliefPublishers
from localization_common.ros.camera_feed import CameraFeed, Frame, image_qos
from localization_common.ros.conversions import covariance_from_planar
from localization_common.ros.initial_pose import InitialPose
from localization_common.ros.localizer_node import LocalizerNode
from localization_common.ros.main import run
from localization_common.ros.monitor import Level
from localization_common.ros.odometry_buffer import OdometryBuffer
from localization_common.ros.odometry_source import OdometrySource
from localization_common.ros.outputs import LATCHED, pose_message
from localization_common.ros.pose_input import PoseInput
from localization_common.ros.tf_buffer import TransformError

Array = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]


class DmnNode(LocalizerNode[DmnSettings]):
    """Publishes what the dmn localizer believes after each frame.

    Args:
        feed: the camera of another node in this process; None subscribes.
        options: of rclpy's Node.
    """

    def __init__(self, *, feed: CameraFeed | None = None, **options: object) -> None:
        super().__init__("dmn", DmnSettings, feed=feed, **options)
        self._localizer: Localizer | None = None
        replayed = self.settings.process_all and bool(self.get_parameter("use_sim_time").value)
        self._odometry = OdometryBuffer(
            topic=self.resolve_topic_name("odom"),
            images=self.feed.topic,
            now=None if replayed else lambda: int(self.get_clock().now().nanoseconds),
        )
        self._source = OdometrySource()
        self._beginnings = 0
        self._planar = PlanarOdometry()
        self._last: tuple[Picture, Belief] | None = None
        self._pose = self.create_lifecycle_publisher(PoseWithCovarianceStamped, "~/pose", LATCHED)
        self._shown = BeliefPublishers(self)
        self._initial = PoseInput(self, "initialpose", self._odometry, depth=1)
        self._proposal = PoseInput(self, "proposal", self._odometry, depth=10)
        self._subscribe_odometry()
        self.work.serve(Empty, "reinitialize_global_localization", self._on_global_localization)
        self.work.serve(Empty, "request_nomotion_update", self._on_nomotion_update)
        self.work.serve(Trigger, "~/save_map", self._on_save_map)
        self.work.serve(Trigger, "~/load_map", self._on_load_map)
        self.work.serve(Trigger, "~/add_context", self._on_add_context)

    def _subscribe_odometry(self) -> None:
        everything = self.settings.process_all
        qos = image_qos(reliable=everything, depth=self.settings.queue_size if everything else 100)
        group = MutuallyExclusiveCallbackGroup()
        self.create_subscription(Odometry, "odom", self._on_odometry, qos, callback_group=group)

    @property
    def localizer(self) -> Localizer:
        """What `load` made; there is one while the node is configured."""
        assert self._localizer is not None
        return self._localizer

    @property
    def belief(self) -> Belief | None:
        """After the last frame."""
        return None if self._last is None else self._last[1]

    @property
    def pending_initial_pose(self) -> InitialPose | None:
        """Set by a user, not yet used: it waits for an image."""
        return self._initial.pending

    @property
    def pending_proposal(self) -> InitialPose | None:
        """The newest of another localizer, not yet used: it waits for an image."""
        return self._proposal.pending

    # Lifecycle.

    def load(self) -> None:
        """Read checkpoint and map."""
        settings = self.settings
        checkpoint = existing_file(settings.checkpoint, "parameter checkpoint")
        map_path = existing_file(settings.map_path, "parameter map_path")
        self._localizer = Localizer.from_files(
            checkpoint,
            map_path,
            filter_config=settings.filter,
            device=settings.device,
            half=settings.half,
            threads=settings.threads or None,
        )
        self._restart_belief()
        self.get_logger().info(f"{map_path}: {len(self.localizer.context_map)} views, on {settings.device}")
        frame = self.localizer.context_map.frame_id
        if frame != settings.global_frame_id:
            self.get_logger().warning(f"{map_path} was made in frame {frame!r}, poses go out in global_frame_id")

    def unload(self) -> None:
        """Drop network and map."""
        self._localizer, self._last = None, None

    def activate(self) -> None:
        """Show the map."""
        self._publish_views()

    def set_camera(self, camera: Camera) -> None:
        """Tell the localizer."""
        self.localizer.set_camera(camera)

    def restart(self, now: int | None) -> None:
        """Begin anew: where the parameters say after a reset, anywhere after a clock that jumped.

        `initial_pose` holds for the robot that is started there. Where it is when its clock jumps, nobody knows.
        """
        if now is None:
            self._restart_belief()
            return
        self._odometry.forget_after(now)
        self._planar.reset()
        self.localizer.reset_uniform()

    def _restart_belief(self) -> None:
        settings = self.settings
        self._planar.reset()
        if settings.set_initial_pose:
            self.localizer.reset_gaussian(settings.initial_pose.mean, settings.initial_pose.covariance)
        else:
            self.localizer.reset_uniform()

    # Frames.

    def ready(self, frame: Frame) -> bool:
        """Whether odometry reaches the frame, or the frame has waited for that long enough."""
        waited = time.monotonic() - frame.arrived
        return self._odometry.reaches(frame.stamp) or waited > self.settings.odometry_timeout

    def begin(self, frame: Frame, image: Picture) -> FinishedFrame[None]:
        """Move the particles to the image's stamp, weigh them, publish."""
        patience = self.patience(self.settings.odometry_timeout)
        odom_T_base = self._odometry.at(frame.stamp, patience, lambda: self.stopping)
        if self._beginnings != self._odometry.beginnings:
            self._beginnings = self._odometry.beginnings
            self._planar.begin_anew()
        initial = self._initial.pending  # until an image was weighed with it; a proposal counts for one image
        self._initial.place(initial, frame.stamp, odom_T_base, self.localizer.reset_gaussian)
        proposal = self._proposal.place(self._proposal.take(), frame.stamp, odom_T_base, PlanarGaussian)
        belief = self.localizer.step(image, frame.stamp, self._planar.step(odom_T_base), proposal)
        self.monitor.inference.add(belief.timings["total"])
        self._initial.drop(initial)
        self._last = (image, belief)
        self._publish_pose(belief)
        self._shown.publish(
            belief.stamp,
            belief.particles,
            belief.weights,
            most=self.settings.published_particles,
            bounds=self.localizer.context_map.bounds,
            cell=self.settings.belief_resolution,
        )
        self._check_mount(frame)
        return FinishedFrame(None)

    def _check_mount(self, frame: Frame) -> None:
        """Whether the camera sits where the map has it; the map is believed, and where TF knows nothing, alone."""
        if not self.mount.known(frame):
            return
        try:
            found = mount_of(self.mount.base_T_camera(frame))
        except LocalizationError:
            return
        if wrong := conflict(self.localizer.context_map.mount, found):
            self.monitor.problem("mount", Level.WARN, f"{wrong}: make a map with this robot, or mend TF")
        else:
            self.monitor.solved("mount")

    def values(self) -> dict[str, str]:
        """Lines for /diagnostics."""
        belief = self.belief
        if belief is None:
            return {}
        return {
            "localized": str(belief.localized),
            "particles": str(len(belief.particles)),
            "N_eff": f"{belief.effective_sample_size:.0f}",
            "particle spread [m]": f"{belief.spread:.2f}",
        }

    def _of_base(self, odom_T_child: Array, child: str, topic: str) -> Array:
        """Odometry (4, 4) of the base, from that of a frame which TF joins to it; else as it came, with a warning."""
        self.base_frame.odometry_child = child
        base = self.base_frame.name(self.settings.odom_frame_id)
        if not child or child == base:
            self.monitor.solved("odometry_frame")
            return odom_T_child
        try:
            child_T_base = self.transforms.lookup(child, base, None)
        except TransformError:
            text = (
                f"odometry on {topic} is of {child!r} (child_frame_id), and TF does not join that to the base "
                f"{base!r}: set base_frame_id to {child!r}, publish the transform, or remap odom"
            )
            self.monitor.problem("odometry_frame", Level.WARN, text)
            return odom_T_child
        self.monitor.solved("odometry_frame")
        return odom_T_child @ child_T_base

    def _uses(self, frame: str, child: str, topic: str) -> bool:
        """Whether odometry of these frames is used, or another comes that is preferred."""
        odom, before = self.settings.odom_frame_id, self._source.used
        if not self._source.accepts(frame, child, odom=odom, base=self.base_frame.name(odom)):
            text = f"odometry on {topic} from {frame!r} to {child!r} is ignored while that of {before} comes there, too"
            self.monitor.problem("odometry_message", Level.WARN, f"{text}: remap odom to a topic with one publisher")
            return False
        if before and before != self._source.used:
            self._odometry.restart()
        return True

    def _on_odometry(self, msg: Odometry) -> None:
        topic, stamp = self.resolve_topic_name("odom"), stamp_of(msg.header)
        try:
            odom_T_child = matrix_from_pose(msg.pose.pose)
        except InputError as error:
            text = f"odometry on {topic} of {stamp * 1e-9:.3f} s is ignored: {error}"
            self.monitor.problem("odometry_message", Level.WARN, text)
            return
        frame, child = frame_name(msg.header.frame_id), frame_name(msg.child_frame_id)
        if not self._uses(frame, child, topic):
            return
        if self._odometry.add(stamp, self._of_base(odom_T_child, child, topic)).unconfirmed:
            text = (
                f"odometry on {topic} of {stamp * 1e-9:.3f} s is far off the one before: it is ignored unless the next "
                "one agrees"
            )
            self.monitor.problem("odometry_message", Level.WARN, text)
            return
        self.monitor.solved("odometry_message")
        self.wake()

    def _publish_pose(self, belief: Belief) -> None:
        if not belief.localized:
            self.monitor.problem("lost", Level.ERROR, f"not localized: {belief.reason}")
            return
        self.monitor.solved("lost")
        map_T_base = planar.to_se3(belief.most_likely)
        covariance = covariance_from_planar(belief.pose_covariance)
        if not self.sound("pose", map_T_base, covariance):
            return
        self._pose.publish(pose_message(belief.stamp, self.settings.global_frame_id, map_T_base, covariance))
        self.broadcast(map_T_base, belief.stamp)

    def _publish_views(self) -> None:
        self._shown.publish_views(self.localizer.context_map.poses)

    # Services.

    async def _on_global_localization(self, request: Empty.Request, response: Empty.Response) -> Empty.Response:
        await self.work.answer(Trigger.Response(), lambda: self.localizer.reset_uniform() or "anywhere")
        return response

    async def _on_nomotion_update(self, request: Empty.Request, response: Empty.Response) -> Empty.Response:
        await self.work.answer(Trigger.Response(), lambda: self.localizer.request_update() or "requested")
        return response

    async def _on_save_map(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        def save() -> str:
            path = self.settings.saved_map_file
            self.localizer.save_map(path)
            return f"{path}: {len(self.localizer.context_map)} views"

        return await self.work.answer(response, save)

    async def _on_load_map(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        def load() -> str:
            path = existing_file(self.settings.map_path, "parameter map_path")
            self.localizer.load_map(path)
            self._restart_belief()
            self._publish_views()
            return f"{path}: {len(self.localizer.context_map)} views"

        return await self.work.answer(response, load)

    async def _on_add_context(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        def add() -> str:
            if self._last is None or not self._last[1].localized:
                raise MapError("a view needs a pose, and the node is not localized: set initialpose or drive on")
            image, belief = self._last
            self.localizer.add_context(image, belief.most_likely, belief.pose_covariance)
            self._publish_views()
            return f"{len(self.localizer.context_map)} views"

        return await self.work.answer(response, add)


def main(arguments: list[str] | None = None) -> int:
    """Console script."""
    return run(lambda: [DmnNode()], arguments)


if __name__ == "__main__":
    sys.exit(main())
