"""Frames that are begun and not yet finished, so that the next frame can begin beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NoReturn, Protocol, TypeVar

Result = TypeVar("Result")
ResultOfFrame = TypeVar("ResultOfFrame", covariant=True)


class PendingFrame(Protocol[ResultOfFrame]):
    """A frame whose first part, which the next frame depends on, is done.

    `finish` is called once, in the order of the frames, from any thread.
    """

    def finish(self) -> ResultOfFrame:
        """Do the rest of the work and return the result; raise the errors of the frame."""


@dataclass(frozen=True)
class FinishedFrame(Generic[Result]):
    """A frame of which all work is done."""

    result: Result

    def finish(self) -> Result:
        """Return the result."""
        return self.result


@dataclass(frozen=True)
class FailedFrame:
    """A frame whose first part failed; the error is raised when it is finished, in the order of the frames."""

    error: Exception

    def finish(self) -> NoReturn:
        """Raise the error."""
        raise self.error
