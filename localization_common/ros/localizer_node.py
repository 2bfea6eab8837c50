"""Base of the localizer nodes: frames, clock, worker, lifecycle and diagnostics."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from std_msgs.msg import Header
from std_srvs.srv import SetBool, Trigger

from localization_common.camera import Camera
from localization_common.camera.image_checks import require_usable
from localization_common.pending_frame import FailedFrame, PendingFrame
from localization_common.place import Place
from localization_common.ros.base_frame import BaseFrame
from localization_common.ros.camera_feed import CameraFeed, Frame, check_size
from localization_common.ros.camera_mount import CameraMount
from localization_common.ros.clock_guard import ClockGuard
from localization_common.ros.diagnostics import DiagnosticsPublisher
from localization_common.ros.frame_outcomes import CountedFrame, FrameOutcomes
from localization_common.ros.latest_frame import LatestFrame
from localization_common.ros.lifecycle import ManagedNode
from localization_common.ros.monitor import Level
from localization_common.ros.node_health import NodeHealth
from localization_common.ros.parameters import Parameters
from localization_common.ros.pose_broadcaster import PoseBroadcaster
from localization_common.ros.pose_output import PoseOutput
from localization_common.ros.result_checks import ResultChecks
from localization_common.ros.settings import NodeSettings, check_device
from localization_common.ros.transforms import Transforms
from localization_common.ros.worker import Worker
from localization_common.ros.worker_services import WorkerServices

#: Live images that may wait for odometry, a transform or camera_info: those of a second, or of what memory allows.
WAITING = 20
S = TypeVar("S", bound=NodeSettings)
Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]


class LocalizerNode(ManagedNode, Generic[S]):
    """Base of the vlocnet and the dmn node.

    A subclass implements `load` (make its localizer), `begin` (one frame) and `restart` (after a clock jumped back).
    `load` runs before the worker starts, the others in the worker: the localizer needs no lock. A pending frame is
    finished beside the next frame's `begin`.

    Args:
        name: name of the node.
        settings: dataclass of its parameters.
        feed: camera of another node in this process, so that images cross DDS once; None subscribes.
        options: options of rclpy's Node.
    """

    # Since Kilted, rclpy destroys all nodes when it shuts down, also one whose constructor refused its parameters.
    _built = False
    _worker: Worker[Frame] | None = None

    def __init__(self, name: str, settings: type[S], *, feed: CameraFeed | None = None, **options: Any) -> None:
        super().__init__(name, **options)
        self._declared: Parameters[S] = Parameters(self, settings, configured=lambda: self.configured)
        health = NodeHealth(self)
        self.monitor = health.monitor
        self.results = ResultChecks(self.monitor)
        self._outcomes = FrameOutcomes(self, self.monitor, lambda: self.poses.none())
        self.transforms = Transforms(
            self,
            lambda text: self.monitor.event("transform_message", text),
            self.results.passes,
        )
        self.base_frame = BaseFrame(self.transforms, lambda: self.settings, self.get_logger().info)
        self.broadcaster = PoseBroadcaster(self.transforms, self.base_frame, lambda: self.settings, self.monitor)
        self.poses = PoseOutput(self)
        self.frames: LatestFrame[Frame] = LatestFrame()
        self.enabled = True
        self._camera: Camera | None = None
        self.feed = feed or self._subscribe()
        self.feed.add_listener(self._on_frame)
        self.mount = CameraMount(self.transforms, self.base_frame, lambda: self.settings, self.feed.topic)
        self._processed = self.create_lifecycle_publisher(Header, "~/processed", 100)
        self.work = WorkerServices(self, lambda: self._worker)
        self.work.serve(SetBool, "~/enable", self._on_enable)
        self.work.serve_job(Trigger, "~/reset", self._reset)
        self.clock_guard = ClockGuard(
            self,
            topic=self.feed.topic,
            submit=self._submit,
            waiting=lambda: len(self.frames) > 0,
            went_back=self._on_clock_jump,
            replayed=self.settings.process_all and bool(self.get_parameter("use_sim_time").value),
        )
        self.transforms.add_listener(self.wake)
        self.diagnostics = DiagnosticsPublisher(self, health.status)
        self._built = True
        if self.settings.autostart:
            self.autostart()

    # What a subclass implements.

    def load(self) -> None:
        """Make the localizer from the parameters; raise a LocalizationError that names file and reason."""
        raise NotImplementedError

    def unload(self) -> None:
        """Drop the localizer."""
        raise NotImplementedError

    def set_camera(self, camera: Camera) -> None:
        """Set the localizer's camera."""
        raise NotImplementedError

    def ready(self, frame: Frame) -> bool:
        """True if all that a live frame needs beside its image has arrived. Called often: it must be quick."""
        return True

    def light(self, frame: Frame) -> bool:
        """True if a ready frame takes so little work that it is not dropped for a newer one. It must be quick."""
        return False

    def begin(self, frame: Frame, image: Image) -> PendingFrame[None]:
        """Localize with one image (H, W, 3), publish, and add the duration of the inference to the monitor.

        Returns:
            The pending frame; its `finish` runs beside the next frame's `begin`, and may raise the same.

        Raises:
            LocalizationError: the image cannot be used.
        """
        raise NotImplementedError

    def restart(self, now: int | None) -> None:
        """Restart: the clock jumped back to ``now`` (nanoseconds), or a user called the reset service (None)."""
        raise NotImplementedError

    def values(self) -> dict[str, str]:
        """More lines for /diagnostics."""
        return {}

    # What a subclass uses.

    @property
    def settings(self) -> S:
        """The parameters at this moment."""
        return self._declared.value

    @property
    def camera(self) -> Camera | None:
        """Camera of the images; None before the first camera_info that fits."""
        return self._camera

    @property
    def stopping(self) -> bool:
        """True if the worker ends: then no wait is worthwhile."""
        return self._worker is None or self._worker.stopping

    def open_place(self) -> Place | None:
        """Open the place of the parameters; None if they name none.

        Raises:
            MapError: there is no place, it is damaged, or its map is not metric.
        """
        place = self.settings.open_place()
        if place is not None and place.description.frame_id != self.settings.global_frame_id:
            frame = place.description.frame_id
            self.get_logger().warning(f"{place.path} has frame {frame!r}, poses are published in global_frame_id")
        return place

    def finish_pending(self) -> None:
        """Wait until the frame before is finished."""
        if self._worker is not None:
            self._worker.finish_pending()

    def wake(self) -> None:
        """Look at the waiting frames again: something arrived that they may need."""
        if len(self.frames):
            self.frames.wake()

    def patience(self, timeout: float) -> float:
        """Seconds that `begin` may wait for odometry or TF: zero for live frames, which wait before they are begun."""
        return timeout if self.settings.process_all else 0.0

    def broadcast(self, map_T_base: Array, stamp: int) -> None:
        """Send the transform of `tf_mode` when TF has what it needs; returns at once."""
        self.broadcaster.broadcast(map_T_base, stamp)

    # Lifecycle.

    def configure(self) -> None:
        """Load the weights and start the worker."""
        check_device(self.settings.device)
        self.monitor.reset()
        self.load()
        self.clock_guard.reset()
        self._camera = None
        self.base_frame.reset()
        everything = self.settings.process_all
        self.frames = (
            LatestFrame(self.settings.queue_size)
            if everything
            else LatestFrame(WAITING, self._ready, lambda frame: frame.stamp, self.light)
        )
        self._worker = Worker(self.frames, self._begin, self._outcomes.failed)
        self._worker.start()

    def heartbeat_period(self) -> float:
        """Parameter ``bond_heartbeat_period``."""
        return self.settings.bond_heartbeat_period

    def report_refusal(self, text: str) -> None:
        """Into the log."""
        self.monitor.event("transition", text)

    def report_failure(self, transition: str, reason: str) -> None:
        """Into the log and into /diagnostics."""
        self.monitor.problem(transition, Level.ERROR, f"{transition} failed: {reason}")

    def activate(self) -> None:
        """Begin to send the transform and to save the last pose."""
        self.broadcaster.start()
        self.poses.memory.start()

    def deactivate(self) -> None:
        """Let waiting frames and poses go; save the last pose."""
        self.frames.clear()
        self.broadcaster.stop()
        self.poses.none()
        self.poses.memory.stop()

    def cleanup(self) -> None:
        """Stop the worker and free the weights."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        self.broadcaster.stop()
        self.poses.memory.stop()
        self.unload()
        torch.cuda.empty_cache()  # does nothing where CUDA was never used

    def destroy_node(self) -> None:
        """Stop the worker before rclpy destroys the publishers that it uses."""
        self.active = self.configured = False
        if self._built:
            self.cleanup()
        super().destroy_node()

    # Frames.

    def _subscribe(self) -> CameraFeed:
        settings = self.settings
        depth = settings.queue_size if settings.process_all else 5
        compressed = settings.image_transport == "compressed"
        return CameraFeed(
            self,
            compressed=compressed,
            reliable=settings.process_all,
            depth=depth,
            max_pixels=settings.max_image_pixels,
        )

    def _on_frame(self, frame: Frame) -> None:
        if self.active and self.enabled:
            self.monitor.input_rate.tick()
            self.frames.put(frame)

    def _ready(self, frame: Frame) -> bool:
        """True if a live frame has what it needs, or has waited for it long enough."""
        waited, settings = time.monotonic() - frame.arrived, self.settings
        if self.clock_guard.is_future(frame.stamp):
            return True  # it will be refused
        if not self.feed.calibration.came:
            return waited > settings.camera_info_timeout
        return self.ready(frame)

    def _begin(self, frame: Frame) -> PendingFrame[None]:
        """Begin a frame; an error is raised when the frame is finished, after the frame before."""
        try:
            camera = self.feed.camera(self.patience(self.settings.camera_info_timeout))
            image = frame.rgb(camera)
            check_size((image.shape[1], image.shape[0]), camera)
            self._use_camera(camera)
            self.clock_guard.check(frame.stamp, lambda: require_usable(image))
            pending = self.begin(frame, image)
            self.clock_guard.adopt(frame.stamp)
            self.frames.accepted()
            self.feed.calibration.use(camera)
        except Exception as error:
            pending = FailedFrame(error)
        return CountedFrame(frame, pending, self._outcomes, self._processed)

    def _use_camera(self, camera: Camera) -> None:
        if camera != self._camera:
            self.finish_pending()
            self.set_camera(camera)
            self._camera = camera

    # Time.

    def _submit(self, job: Callable[[], None]) -> None:
        if self._worker is not None:
            self._worker.submit(job)

    def _on_clock_jump(self, what: str, now: int) -> None:
        self.monitor.event("clock", f"{what}: frame pair, odometry and TF of the time before are forgotten")
        self.monitor.jumps += 1
        self.finish_pending()
        self.transforms.clear()
        self.broadcaster.clear()
        self.restart(now)

    # Services.

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self.enabled = bool(request.data)
        if not self.enabled:
            self.frames.clear()
            if self.active:
                self.poses.none()
        response.success, response.message = True, "enabled" if self.enabled else "disabled"
        return response

    def _reset(self) -> str:
        self.restart(None)
        self.broadcaster.relocalize()
        return "reset"
