"""Queue of frames for inference: the newest frame that is ready wins, or all frames are kept in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


#: Number of ready frames that are kept while one is worked on.
SPARES = 8


class LatestFrame(Generic[T]):
    """Hands frames from callbacks to a worker thread; never blocks the callback.

    With ``ready``, a frame waits here, not in the worker, until its odometry and transform arrive. Of the ready frames,
    the newest by its stamp is handed out first; of several with one stamp, the first that arrived. If it is good
    (`accepted`), the other ready frames are dropped. Otherwise they are handed out next, so that a bad image does not
    cost a good one. If too many frames wait, a new frame replaces the newest that is not ready: the oldest will be
    ready first.

    With ``light``, frames that take little work are not dropped for a newer one: while the oldest ready frame is light,
    it is handed out first.

    Args:
        capacity: largest number of waiting frames. Without ``ready`` the oldest is dropped. Drops are counted.
        ready: returns True if a frame can be worked on, or has waited long enough; it must be quick, because the lock
            is held. None: all frames are handed out in order.
        stamp: returns the stamp of a frame; None: the frame that arrived last is the newest.
        light: returns True if a ready frame takes so little work that those behind it can wait; as quick as ``ready``.
    """

    def __init__(
        self,
        capacity: int = 1,
        ready: Callable[[T], bool] | None = None,
        stamp: Callable[[T], int] | None = None,
        light: Callable[[T], bool] | None = None,
    ) -> None:
        self._frames: deque[T] = deque(maxlen=capacity)
        self._ready, self._stamp, self._light = ready, stamp, light
        self._changed = threading.Condition()
        self._closed = False
        self._outdated: list[T] = []
        self.received = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: T) -> None:
        """Offer a frame; the oldest waiting one is dropped if there is no room."""
        with self._changed:
            self.received += 1
            if self._ready is not None:
                for outdated in self._ready_frames(self._ready)[: -SPARES + 1]:
                    self._drop(outdated)
            if len(self._frames) == self._frames.maxlen:
                self.dropped += 1
                if self._ready is not None:
                    ready = self._ready_frames(self._ready)
                    self._frames.remove(next((f for f in reversed(self._frames) if f not in ready), self._frames[0]))
            self._frames.append(frame)
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> T | None:
        """Return the next frame; None after `timeout` seconds, after `wake`, or when closed."""
        with self._changed:
            frame = self._next()
            if frame is None and not self._closed:
                self._changed.wait(timeout)
                frame = self._next()
            return frame

    def accepted(self) -> None:
        """Drop the frames that were ready when the last one was taken: it was good."""
        with self._changed:
            for frame in self._outdated:
                if frame in self._frames:
                    self._drop(frame)
            self._outdated = []

    def clear(self) -> None:
        """Drop all waiting frames."""
        with self._changed:
            self.dropped += len(self._frames)
            self._frames.clear()

    def wake(self) -> None:
        """Let a waiting `take` return."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """End every `take`, now and later."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> T | None:
        if self._closed or not self._frames:
            return None
        if self._ready is None:
            return self._frames.popleft()
        ready = self._ready_frames(self._ready)
        if not ready:
            return None
        oldest, newest = ready[0], ready[-1]
        if self._stamp is not None:
            oldest, newest = min(ready, key=self._stamp), max(ready, key=self._stamp)
        if self._light is not None and oldest is not newest and self._light(oldest):
            self._frames.remove(oldest)
            self._outdated = []
            return oldest
        self._frames.remove(newest)
        self._outdated = [frame for frame in ready if frame is not newest]
        return newest

    def _ready_frames(self, is_ready: Callable[[T], bool]) -> list[T]:
        return [frame for frame in self._frames if is_ready(frame)]

    def _drop(self, frame: T) -> None:
        self._frames.remove(frame)
        self.dropped += 1
