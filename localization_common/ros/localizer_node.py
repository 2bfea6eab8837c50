"""What every localizer node does alike: take frames, guard the clock, run the worker, say how it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from std_msgs.msg import Header
from std_srvs.srv import SetBool, Trigger

from localization_common.camera import Camera
from localization_common.errors import InputError, LocalizationError
from localization_common.ros.camera_feed import CameraFeed, Frame, check_size
from localization_common.ros.clock_guard import ClockGuard
from localization_common.ros.diagnostics import DiagnosticsPublisher, frame_values, starvation
from localization_common.ros.frame_outcomes import FrameOutcomes
from localization_common.ros.latest_frame import LatestFrame
from localization_common.ros.lifecycle import ManagedNode
from localization_common.ros.monitor import Level, Monitor, Problem
from localization_common.ros.parameters import Parameters
from localization_common.ros.pose_broadcaster import broadcast_pose
from localization_common.ros.settings import NodeSettings, check_device
from localization_common.ros.transforms import make_transforms
from localization_common.ros.worker import Rest, Worker
from localization_common.ros.worker_services import WorkerServices

S = TypeVar("S", bound=NodeSettings)
Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]


class LocalizerNode(ManagedNode, Generic[S]):
    """Base of the vlocnet and the dmn node.

    A subclass implements `load` (make its localizer), `step` (one frame) and `restart` (after a clock jumped back).
    `load` runs before the worker starts, the others in the worker: the localizer needs no lock. What `step` leaves to
    do is done beside the next frame's `step`.

    Args:
        name: of the node.
        settings: dataclass of its parameters.
        feed: the camera of another node in this process, so that images cross DDS once; None subscribes.
        options: of rclpy's Node.
    """

    def __init__(self, name: str, settings: type[S], *, feed: CameraFeed | None = None, **options: Any) -> None:
        super().__init__(name, **options)
        self._declared: Parameters[S] = Parameters(self, settings, configured=lambda: self.configured)
        self.monitor = Monitor(self._log_problem)
        self._outcomes = FrameOutcomes(self, self.monitor)
        self.transforms = make_transforms(self)
        self.frames: LatestFrame[Frame] = LatestFrame()
        self._worker: Worker[Frame] | None = None
        self._enabled = True
        self._camera: Camera | None = None
        self.feed = feed or self._subscribe()
        self.feed.add_listener(self._on_frame)
        self._processed = self.create_lifecycle_publisher(Header, "~/processed", 100)
        self.work = WorkerServices(self, lambda: self._worker)
        self.work.serve(SetBool, "~/enable", self._on_enable)
        self.work.serve(Trigger, "~/reset", self._on_reset)
        self._clock_guard = ClockGuard(
            self, submit=self._submit, waiting=lambda: len(self.frames) > 0, went_back=self._on_clock_jump
        )
        self.diagnostics = DiagnosticsPublisher(self, self._status)
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
        """Tell the localizer which camera delivers the images."""
        raise NotImplementedError

    def step(self, frame: Frame, image: Image) -> Rest | None:
        """Localize with one image (H, W, 3), publish, and tell the monitor how long the inference took.

        Returns:
            What is left of this, to be done while the next frame is begun; it may raise the same. None: nothing.

        Raises:
            LocalizationError: the image cannot be used.
        """
        raise NotImplementedError

    def restart(self, now: int | None) -> None:
        """Begin anew: the clock jumped back to ``now`` (nanoseconds), or a user asked for a reset (None)."""
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
    def stopping(self) -> bool:
        """Whether the worker was told to end: then nothing is worth waiting for."""
        return self._worker is None or self._worker.stopping

    def settle(self) -> None:
        """Wait in `step` until nothing is left of the frames before."""
        if self._worker is not None:
            self._worker.settle()

    def base_T_camera(self, frame: Frame, timeout: float | None = None) -> Array:
        """Where the camera sits on the robot at the time of a frame, from TF.

        Args:
            timeout: seconds to wait for it; by default the parameter's.

        Raises:
            TransformError: unknown. InputError: the image does not say its frame.
        """
        camera = self.settings.camera_frame_id or frame.frame_id
        if not camera:
            raise InputError("the image's header has no frame_id: set it in the driver, or set camera_frame_id")
        base, patience = self.settings.base_frame_id, self.settings.transform_timeout if timeout is None else timeout
        return self.transforms.lookup(base, camera, frame.stamp, patience)

    def broadcast(self, map_T_base: Array, stamp: int) -> None:
        """Send the transform that `tf_mode` asks for."""
        broadcast_pose(map_T_base, stamp, transforms=self.transforms, settings=self.settings, monitor=self.monitor)

    # Lifecycle.

    def configure(self) -> None:
        """Load the weights and start the worker."""
        check_device(self.settings.device)
        self.monitor.reset()
        self.load()
        self._clock_guard.reset()
        self._camera = None
        self.frames = LatestFrame(self.settings.queue_size if self.settings.process_all else 1)
        self._worker = Worker(self.frames, self._process, self._outcomes.failed)
        self._worker.start()

    def report_failure(self, transition: str, reason: str) -> None:
        """Into the log and into /diagnostics."""
        self.monitor.problem(transition, Level.ERROR, f"{transition} failed: {reason}")

    def deactivate(self) -> None:
        """Let waiting frames go."""
        self.frames.clear()

    def cleanup(self) -> None:
        """Stop the worker and free the weights."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        self.unload()
        torch.cuda.empty_cache()  # does nothing where CUDA was never used

    def destroy_node(self) -> None:
        """Stop the worker before rclpy destroys the publishers that it uses."""
        self.active = self.configured = False
        self.cleanup()
        super().destroy_node()

    # Frames.

    def _subscribe(self) -> CameraFeed:
        settings = self.settings
        depth = settings.queue_size if settings.process_all else 5
        compressed = settings.image_transport == "compressed"
        return CameraFeed(self, compressed=compressed, reliable=settings.process_all, depth=depth)

    def _on_frame(self, frame: Frame) -> None:
        if self.active and self._enabled:
            self.monitor.input_rate.tick()
            self.frames.put(frame)

    def _process(self, frame: Frame) -> Rest:
        """Begin with a frame; answers what ends it."""
        try:
            self._clock_guard.check(frame.stamp)
            image = frame.rgb()
            self._use_camera(image)
            rest = self.step(frame, image)
        except Exception as error:
            return partial(self._end, frame, partial(_fail, error))  # in its turn
        return partial(self._end, frame, rest)

    def _end(self, frame: Frame, rest: Rest | None) -> None:
        """Do what is left of a frame, and say how it went."""
        try:
            if rest is not None:
                rest()
        except LocalizationError as error:
            self._outcomes.refused(error)
        except Exception as error:  # counted before the frame is announced as processed
            self._outcomes.failed(error)
        else:
            self._outcomes.done((time.monotonic() - frame.arrived) * 1e3)
        finally:
            self.monitor.stamp_age = (self.get_clock().now().nanoseconds - frame.stamp) * 1e-9
            self._processed.publish(frame.header)

    def _use_camera(self, image: Image) -> None:
        camera = self.feed.camera(self.settings.camera_info_timeout)
        check_size(image, camera)
        if camera != self._camera:
            self.settle()
            self.set_camera(camera)
            self._camera = camera

    # Time.

    def _submit(self, job: Callable[[], None]) -> None:
        if self._worker is not None:
            self._worker.submit(job)

    def _on_clock_jump(self, what: str, now: int) -> None:
        self.get_logger().warning(f"{what}: frame pair, odometry and TF of the time before are forgotten")
        self.monitor.jumps += 1
        self.settle()
        self.transforms.clear()
        self.restart(now)

    # Services and health.

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self._enabled = bool(request.data)
        if not self._enabled:
            self.frames.clear()
        response.success, response.message = True, "enabled" if self._enabled else "disabled"
        return response

    async def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        def reset() -> str:
            self.restart(None)
            return "reset"

        return await self.work.answer(response, reset)

    def _status(self) -> tuple[dict[str, Problem], dict[str, str]]:
        problems = self.monitor.problems
        if not self.configured:
            problems.setdefault("configure", Problem(Level.WARN, "not configured"))
        elif not self.active or not self._enabled:
            problems["state"] = Problem(Level.WARN, "inactive" if not self.active else "disabled by service")
        elif starved := starvation(self.monitor, self.feed.topic, self.count_publishers(self.feed.topic)):
            problems["images"] = Problem(Level.ERROR, starved)
        state = "unconfigured" if not self.configured else "active" if self.active else "inactive"
        values = {"state": state, "device": self.settings.device}
        return problems, {**values, **frame_values(self.monitor, self.frames), **self.values()}

    def _log_problem(self, key: str, problem: Problem | None) -> None:
        if problem is None:
            self.get_logger().info(f"{key}: recovered")
        elif problem.level == Level.ERROR:
            self.get_logger().error(problem.text)
        else:
            self.get_logger().warning(problem.text)


def _fail(error: Exception) -> None:
    raise error
