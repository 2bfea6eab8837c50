"""Where frames wait for inference: one slot in which the newest wins, or a queue that keeps them all."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class LatestFrame(Generic[T]):
    """Hands frames from callbacks to a worker thread; never blocks the callback.

    Args:
        capacity: how many frames may wait. 1: a slow worker sees the newest frame. More: a bag can be processed whole.
            In both cases the oldest makes room for the newest and is counted in `dropped`.
    """

    def __init__(self, capacity: int = 1) -> None:
        self._frames: deque[T] = deque(maxlen=capacity)
        self._changed = threading.Condition()
        self._closed = False
        self.received = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: T) -> None:
        """Offer a frame; the oldest waiting one is dropped if there is no room."""
        with self._changed:
            self.received += 1
            if len(self._frames) == self._frames.maxlen:
                self.dropped += 1
            self._frames.append(frame)
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> T | None:
        """The oldest waiting frame; None after `timeout` seconds, after `wake`, or when closed."""
        with self._changed:
            if not self._frames and not self._closed:
                self._changed.wait(timeout)
            return self._frames.popleft() if self._frames and not self._closed else None

    def clear(self) -> None:
        """Forget waiting frames; they count as dropped."""
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
