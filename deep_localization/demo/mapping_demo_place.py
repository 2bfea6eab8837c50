"""Place of the mapping demonstration: a recorded drive, and the map that the command makes of it."""

from __future__ import annotations

import re
import time
from pathlib import Path

from deep_localization.demo.demo_drive import announce
from deep_localization.demo.mapping_demo_options import MappingDemo
from deep_localization.evaluation.processes import Processes, ros_environment
from localization_common.files.shipped_files import shipped

#: Seconds after which a silent process is named again, and seconds between two looks at its log.
_ANNOUNCE_EVERY, _LOOK_EVERY = 30.0, 1.0


def make_place(options: MappingDemo) -> float:
    """Record the mapping drives and make a place of them, with the commands of a user.

    Returns:
        Seconds from the recordings to the place.

    Raises:
        ProcessError: a command failed; the message has the end of its log.
    """
    environment = ros_environment(shipped("config/fastdds.xml"))
    with Processes(options.log_dir, environment) as processes:
        drives = " and ".join(path.name for path in options.recordings)
        announce(f"recording {drives} in apartment {options.seed}, without true poses")
        _run(processes, "apartment_record", options.record_command(), options.log_dir)
        announce(f"localization_map: making {options.place}")
        began = time.monotonic()
        _run(processes, "localization_map", options.map_command(), options.log_dir)
    took = time.monotonic() - began
    announce(f"the place is made after {took:.0f} s")
    return took


def _run(processes: Processes, name: str, arguments: list[str], log_dir: Path) -> None:
    """Run a command to its end; print the last line of its log when it changes, else the time twice a minute."""
    processes.start(name, arguments, may_finish=True)
    began = announced = time.monotonic()
    shown = ""
    while not processes.finished(name):
        time.sleep(_LOOK_EVERY)
        line, now = last_line(log_dir / f"{name}.log"), time.monotonic()
        if line != shown or now > announced + _ANNOUNCE_EVERY:
            announce(f"{name}: {line}" if line != shown else f"{name}: {now - began:.0f} s")
            shown, announced = line, now
    processes.check()


def last_line(log: Path) -> str:
    """Last line of a log that is not empty; a progress bar begins its line again with a carriage return."""
    lines = [line.strip() for line in re.split(r"[\r\n]", log.read_text(encoding="utf-8", errors="replace"))]
    return next((line for line in reversed(lines) if line), "")
