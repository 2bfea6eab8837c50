"""Run of a demonstration as a command: signals, errors, the printed table and the exit status."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deep_localization.demo.simulated_robot import SimulatedRobot
from localization_common.errors import LocalizationError

if TYPE_CHECKING:
    from deep_localization.evaluation.result_file import ResultFile


@dataclass(frozen=True)
class Demonstrated:
    """Scores of a drive, and the number of frames that were lost between simulator and nodes."""

    result: ResultFile
    lost_in_transport: int


def run(command: str, robot: SimulatedRobot, demonstrate: Callable[[], Demonstrated]) -> None:
    """Run a demonstration and print its scores; exit status 1 if it fails or a frame was lost in transport.

    Args:
        command: name of the command, for messages.
        robot: options of the demonstration.
        demonstrate: drives and scores.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that the children are ended
    began = time.monotonic()
    try:
        demonstrated = demonstrate()
    except LocalizationError as error:
        sys.exit(f"{command}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(demonstrated.result.text())
    print(f"{time.monotonic() - began:.0f} s; report: {robot.output / 'report.html'}")
    if demonstrated.lost_in_transport:
        sys.exit(f"{command}: frames were lost between simulator and nodes; is shared memory (/dev/shm) full?")
