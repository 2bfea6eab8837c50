"""Detection of wrong image stamps, and of time that goes back: a bag that loops, a simulator that starts again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from rclpy.clock import JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node

from localization_common.errors import InputError
from localization_common.ros.timeline import StampVerdict, Timeline

_SECOND = 1_000_000_000
#: An image may be stamped so far ahead of ROS time (nanoseconds), because /clock and the image have different delays.
AHEAD = _SECOND
#: A jump of image stamps that is longer than this (nanoseconds), and than the time that passed, needs a second image.
LEAP = 60 * _SECOND
#: A wrong stamp stays on /diagnostics for so many seconds: it may concern every eighth image only.
SHOWN_FOR = 5.0

FUTURE, SAME, LATE, BACK = "in the future", "with a stamp twice", "out of order", "of another time"


class StampError(InputError):
    """Error: an image cannot be used because of its stamp."""


class FutureError(StampError):
    """Error: an image is stamped later than ROS time."""


class ClockGuard:
    """Watches image stamps and ROS time, and reports when one of them goes back.

    A stamp counts when its image was accepted (`adopt`). A single image whose stamp is far off changes nothing: the
    next image must confirm it, or ROS time must have gone back. While other images agree with ROS time, two wrong
    images change nothing either. A jump is reported once: by ROS time if no image from after the jump waits yet,
    otherwise by the images.

    Args:
        node: owner of the clock.
        topic: topic of the images, for messages to the user.
        submit: runs a job in the thread that calls `check`, between frames.
        waiting: returns True if frames wait for that thread: then the frames will show a jump.
        went_back: called in that thread with a description of the jump and with the new time, nanoseconds.
        replayed: images may arrive faster than ROS time; then their stamps are not compared with ROS time.
    """

    def __init__(
        self,
        node: Node,
        *,
        topic: str,
        submit: Callable[[Callable[[], None]], None],
        waiting: Callable[[], bool],
        went_back: Callable[[str, int], None],
        replayed: bool,
    ) -> None:
        self._clock, self._topic, self._waiting, self._went_back = node.get_clock(), topic, waiting, went_back
        self._replayed = replayed
        self._timeline = Timeline(LEAP, now=lambda: int(self._clock.now().nanoseconds))
        self._ros_time_jumped = False
        self.refused: Counter[str] = Counter()
        self._last_fault = float("-inf")

        def on_jump(jump: TimeJump) -> None:
            submit(lambda: self._ros_time_went_back(-jump.delta.nanoseconds))

        threshold = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=False)
        self._jump_handle = self._clock.create_jump_callback(threshold, post_callback=on_jump)

    def reset(self) -> None:
        """Forget all stamps: the next image may have any stamp."""
        self._timeline.reset()
        self._ros_time_jumped = False
        self.refused.clear()
        self._last_fault = float("-inf")

    @property
    def quiet(self) -> bool:
        """True if no stamp was wrong in the last seconds."""
        return time.monotonic() - self._last_fault > SHOWN_FOR

    def check(self, stamp: int, require_usable: Callable[[], object]) -> None:
        """Compare the stamp (nanoseconds) of a decoded image with the previous stamps and with ROS time.

        Args:
            require_usable: raises if the image is unusable; then its stamp is no evidence of a jump.

        Raises:
            StampError: the image is late, has the stamp of the previous image, is stamped in the future, or is the
                first after a jump.
        """
        self._require_present(stamp)
        verdict, last = self._timeline.judge(stamp), self._timeline.last
        if last is None or verdict is StampVerdict.NEXT:
            return
        apart = (stamp - last) / _SECOND
        if verdict is StampVerdict.SAME:
            hint = "the driver does not stamp its images" if stamp == 0 else "does the driver stamp each image"
            raise self._fault(SAME, f"two images on {self._topic} have the same stamp {stamp / _SECOND:.3f} s: {hint}")
        if verdict is StampVerdict.LATE:
            raise self._fault(
                LATE,
                f"images on {self._topic} arrive out of order: one is {-1e3 * apart:.0f} ms older than the one before",
            )
        require_usable()
        if verdict is StampVerdict.BACK and self._ros_time_jumped:
            verdict = StampVerdict.JUMPED_BACK
        if verdict.unconfirmed:
            self._timeline.hold(stamp)
            where = "behind" if apart < 0.0 else "ahead of"
            raise self._fault(
                BACK,
                f"an image on {self._topic} is stamped {abs(apart):.3f} s {where} the one before: it is used when "
                "the next one agrees",
            )
        self._timeline.reset()
        if verdict is StampVerdict.JUMPED_BACK:
            self._ros_time_jumped = False
            self._went_back(f"image stamps went back by {-apart:.3f} s", stamp)

    def adopt(self, stamp: int) -> None:
        """Note that the image of this stamp was accepted."""
        self._timeline.adopt(stamp)

    def is_future(self, stamp: int) -> bool:
        """Return True if a stamp is so far ahead of ROS time that its image is refused."""
        now = int(self._clock.now().nanoseconds)
        return not self._replayed and now != 0 and stamp > now + AHEAD  # 0: simulated time has not begun

    def _require_present(self, stamp: int) -> None:
        if self.is_future(stamp):
            now = int(self._clock.now().nanoseconds)
            self._count(FUTURE)
            raise FutureError(
                f"images on {self._topic} are stamped {(stamp - now) / _SECOND:.3f} s in the future of ROS time: "
                "clocks of camera and robot differ (synchronize them with chrony or NTP, or stamp on arrival)"
            )

    def _fault(self, kind: str, text: str) -> StampError:
        self._count(kind)
        return StampError(text)

    def _count(self, kind: str) -> None:
        self.refused[kind] += 1
        self._last_fault = time.monotonic()

    def _ros_time_went_back(self, nanoseconds: int) -> None:
        now, last = self._clock.now().nanoseconds, self._timeline.last
        if last is None or last <= now:
            return
        if self._waiting():
            self._ros_time_jumped = True
            return
        self._timeline.reset()
        self._went_back(f"ROS time went back by {nanoseconds / _SECOND:.3f} s", now)
