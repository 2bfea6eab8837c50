"""Buffer of the robot's odometry, interpolated to the stamps of images. Imports no ROS."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from localization_common.errors import InputError
from localization_common.ros.odometry_restart import OdometryRestart, too_fast
from localization_common.ros.pose_series import PoseSeries
from localization_common.ros.timeline import JUMP, OTHER_CLOCK, SILENCE, StampVerdict, Timeline

Array = npt.NDArray[np.float64]


class OdometryError(InputError):
    """Error: an image cannot be used because there is no odometry at its stamp."""


class OdometryBuffer:
    """Poses odom_T_base over time; a callback adds them, the worker reads them.

    Args:
        capacity: largest number of poses; the odometry of a fast replay is far ahead of the images.
        topic: topic of the odometry, for messages to the user.
        images: topic of the images, for messages to the user.
        now: returns ROS time in nanoseconds; None if the odometry must not be compared with it.

    Attributes:
        restarts: number of times that the odometry started again, without a motion from the poses before.
    """

    def __init__(
        self,
        capacity: int = 10_000,
        *,
        topic: str = "its topic",
        images: str = "their topic",
        now: Callable[[], int] | None = None,
    ) -> None:
        self._capacity, self._topic, self._images = capacity, topic, images
        self._series = PoseSeries(Timeline(now=now))
        self.restarts = 0
        self._restart = OdometryRestart()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._series.stamps)

    def add(self, stamp: int, odom_T_base: Array, origin: Array | None = None) -> StampVerdict:
        """Add a pose. If its stamp is far off, it is used only if the next pose confirms it.

        A pose that no robot reaches from the previous one is left out. If all poses of two seconds are too far, the
        odometry starts again. It also does at a pose that seems to be a new origin, if the next pose confirms it.

        Args:
            stamp: nanoseconds.
            odom_T_base: (4, 4).
            origin: pose (4, 4) of the base when the odometry is zero; None: the identity.

        Returns:
            Relation of the stamp to the previous stamps; after a jump back the previous poses are forgotten.
        """
        with self._changed:
            verdict = self._series.judge(stamp, odom_T_base)
            if verdict.unconfirmed:
                return verdict
            if self._is_doubted(stamp, odom_T_base, verdict, np.eye(4) if origin is None else origin):
                return StampVerdict.FAR
            if self._is_too_far(stamp, odom_T_base):
                if self._series.timeline.idle < SILENCE:
                    return StampVerdict.FAR
                self._start_again()
            self._series.accept(stamp, odom_T_base, verdict)
            self._series.drop_oldest(max(len(self) - self._capacity, 0))
            self._changed.notify_all()
            return verdict

    def restart(self) -> None:
        """Forget all poses, because poses of another odometry follow."""
        with self._changed:
            self._reset()
            self.restarts += 1

    def forget_after(self, stamp: int) -> None:
        """Forget the poses from before a jump of the images back to this stamp; newer ones stay."""
        with self._changed:
            if self._stamps and self._stamps[-1] > stamp + JUMP:
                self._reset()

    def latest(self) -> tuple[int, Array] | None:
        """Stamp and pose of the newest entry."""
        with self._changed:
            return (self._stamps[-1], self._series.poses[-1]) if self._stamps else None

    def reaches(self, stamp: int) -> bool:
        """Return True if the odometry reaches this stamp: then nobody needs to wait for it."""
        with self._changed:
            return bool(self._stamps) and self._stamps[-1] >= stamp

    def at(self, stamp: int, timeout: float, give_up: Callable[[], bool] = lambda: False) -> Array:
        """Return odom_T_base (4, 4) at a stamp, interpolated; wait ``timeout`` seconds for odometry of this stamp.

        Args:
            give_up: returns True to end the wait early, because the node stops.

        Raises:
            OdometryError: the odometry does not reach the stamp in time, or begins after it.
        """
        with self._changed:
            self._wait_for(stamp, timeout, give_up)
            self._require(stamp)
            return self._series.at(stamp)

    def at_or_latest(self, stamp: int) -> Array:
        """Return odom_T_base (4, 4) at a stamp, or the nearest one; the identity without any. It does not wait."""
        with self._changed:
            return self._series.at(stamp) if self._stamps else np.eye(4)

    @property
    def _stamps(self) -> list[int]:
        return self._series.stamps

    def _reset(self) -> None:
        self._series.reset()
        self._restart.reset()

    def _start_again(self) -> None:
        """Forget the poses before, because no motion joins the next one to them."""
        self._restart.leave(self._series.poses[-1])
        self._series.forget_poses()
        self.restarts += 1

    def _is_doubted(self, stamp: int, odom_T_base: Array, verdict: StampVerdict, origin: Array) -> bool:
        """Return True if the odometry may have started again at this pose, and the next one must confirm it."""
        if verdict.jumped:
            self._restart.reset()
        if not self._stamps or verdict in (StampVerdict.SAME, StampVerdict.LATE):
            return False
        new, poses = (stamp, odom_T_base), self._series.poses
        if (begun := self._restart.confirmed(poses[-1], new)) is not None:
            self._start_again()
            self._series.accept(*begun, StampVerdict.NEXT)
            return False
        doubted = self._restart.doubts(self._stamps, poses, new, origin)
        if doubted and verdict.jumped:  # the message before, which was held for its stamp, confirms it
            self._start_again()
        return doubted and not verdict.jumped

    def _is_too_far(self, stamp: int, odom_T_base: Array) -> bool:
        """Return True if the motion from the pose before, or to the pose after, is too fast for a robot."""
        after = bisect.bisect_left(self._stamps, stamp)
        places = [place for place in (after - 1, after) if 0 <= place < len(self._stamps)]
        return any(too_fast((self._stamps[i], self._series.poses[i]), (stamp, odom_T_base)) for i in places)

    def _require(self, stamp: int) -> None:
        """Raise OdometryError if the poses do not reach from before the stamp to after it."""
        if not self._stamps:
            raise OdometryError(f"no odometry on {self._topic} in time for the image: is it published, and remapped?")
        first, last = self._stamps[0], self._stamps[-1]
        if stamp - last > OTHER_CLOCK or first - stamp > OTHER_CLOCK:
            raise OdometryError(
                f"different clocks: the image on {self._images} is stamped {stamp * 1e-9:.3f} s, "
                f"the odometry on {self._topic} {last * 1e-9:.3f} s: let both drivers stamp with ROS time"
            )
        if last < stamp:
            late = (stamp - last) * 1e-9
            raise OdometryError(
                f"odometry on {self._topic} ends {late:.3f} s before the image on {self._images}: does it still come? "
                "If it only comes late, raise odometry_timeout"
            )
        if first > stamp:
            begins = (first - stamp) * 1e-9
            raise OdometryError(f"odometry on {self._topic} begins {begins:.3f} s after the image on {self._images}")

    def _wait_for(self, stamp: int, timeout: float, give_up: Callable[[], bool]) -> None:
        deadline = time.monotonic() + timeout
        while not self._stamps or self._stamps[-1] < stamp:
            left = deadline - time.monotonic()
            if left <= 0.0 or give_up():
                return
            self._changed.wait(min(left, 0.2))
