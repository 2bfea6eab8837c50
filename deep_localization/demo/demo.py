"""Command ``localization_demo``: a simulated robot drives the held-out loop of the apartment, both nodes localize it.

Simulator and nodes are processes of their own that talk over real DDS; their messages are recorded and scored.
"""

from __future__ import annotations

import signal
import sys
import time

import tyro

from deep_localization.demo.demo_drive import announce, drive
from deep_localization.demo.demo_options import Demo
from localization_common.errors import LocalizationError


def main() -> None:
    """Entry point of ``localization_demo``; exit status 1 if something failed or a frame was lost in transport."""
    options = tyro.cli(Demo)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that the children are ended
    began = time.monotonic()
    try:
        recording = drive(options)
        announce("scoring")
        # Late: torch and plots take seconds that nodes need to start.
        from deep_localization.demo.demo_scoring import evaluate

        result = evaluate(options, recording)
    except LocalizationError as error:
        sys.exit(f"localization_demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    print(result.text())
    print(f"{time.monotonic() - began:.0f} s; report: {options.output / 'report.html'}")
    if recording.results.lost_in_transport:
        sys.exit("localization_demo: frames were lost between simulator and nodes; is shared memory (/dev/shm) full?")


if __name__ == "__main__":
    main()
