"""`ros2 launch` as a user has it: a process in a session of its own that Ctrl-C reaches with all its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LAUNCH = Path(__file__).resolve().parents[2] / "launch"
ROS2 = "import sys; from ros2cli.cli import main; sys.exit(main())"


class Launch:
    """A running launch file.

    Args:
        command: starts it.
        folder: for its output and its temporary files.
    """

    def __init__(self, command: list[str], folder: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self._output = folder / "launch.log"
        environment = os.environ | {"TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1"}
        with self._output.open("w") as file:
            self.process = subprocess.Popen(
                command, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
            )

    def output(self) -> str:
        """All that launch and its processes have printed so far."""
        return self._output.read_text()

    def end(self) -> str:
        """Press Ctrl-C, wait for the end, and give the output."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(120.0)
        return self.output()

    def alive(self) -> bool:
        """Whether any process of the launch still runs."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def launch(file: str, folder: Path, **arguments: object) -> Iterator[Launch]:
    """Run a launch file of this package; whatever still runs at the end of the block is killed."""
    words = [f"{name}:={value}" for name, value in arguments.items()]
    words.append("sigterm_timeout:=60")  # launch's own 5 seconds are too few for torch to end on a busy machine
    launched = Launch([sys.executable, "-c", ROS2, "launch", str(LAUNCH / file), *words], folder)
    try:
        yield launched
    finally:
        if launched.alive():
            os.killpg(launched.process.pid, signal.SIGKILL)
        launched.process.wait()
