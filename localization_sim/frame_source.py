"""Rendering of the frames of a drive ahead of time, in a thread that owns the OpenGL context."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import numpy.typing as npt

from localization_common.datasets.sequence import Sequence
from localization_sim import drive as drives
from localization_sim.drive import ApartmentDrive
from localization_sim.rendering import Renderer

#: Number of frames that are rendered before they are needed.
AHEAD = 8


@dataclass(frozen=True)
class RenderedFrame:
    """Rendered frame of a drive; depth and labels are None if they were not requested."""

    image: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32] | None
    labels: npt.NDArray[np.uint8] | None


class FrameSource:
    """Frames of a drive, in order. Use it in a ``with`` statement.

    Args:
        open_renderer: makes the renderer, such as `open_apartment`; called in the rendering thread.
        drive_name: name of the drive.
        rate: images per second.
        random_seed: seed of the errors of the wheel odometry.
        odometry_errors: factor of these errors.
        depth: render depth, too.
        labels: render labels, too.
    """

    def __init__(
        self,
        open_renderer: Callable[[], Renderer],
        drive_name: str,
        *,
        rate: float,
        random_seed: int,
        odometry_errors: float,
        depth: bool,
        labels: bool,
    ) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="renderer")
        self._renderer: Renderer | None = None

        def open_drive() -> tuple[ApartmentDrive, Sequence]:
            self._renderer = open_renderer()
            drive = drives.plan(
                self._renderer, drive_name, rate=rate, random_seed=random_seed, odometry_errors=odometry_errors
            )
            return drive, drives.as_sequence(self._renderer, drive, depth=depth, labels=labels)

        try:
            self.drive, self.sequence = self._thread.submit(open_drive).result()
        except BaseException:
            self.close()
            raise

    def frames(self) -> Iterator[RenderedFrame]:
        """Yield all frames; the next `AHEAD` frames are rendered meanwhile, so that a busy computer delays none."""
        ahead: deque[Future[RenderedFrame]] = deque()
        try:
            for i in range(len(self.sequence)):
                ahead.append(self._thread.submit(self._render, i))
                if len(ahead) > AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:  # not needed any more
                future.cancel()

    def close(self) -> None:
        """Free the OpenGL context and end the thread."""
        self._thread.submit(self._close_renderer)  # after the present job, which may still open it
        self._thread.shutdown()

    def _close_renderer(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _render(self, i: int) -> RenderedFrame:
        sequence = self.sequence
        return RenderedFrame(
            sequence.read_image(i),
            None if sequence.read_depth is None else sequence.read_depth(i),
            None if sequence.read_labels is None else sequence.read_labels(i),
        )
