"""Process of `ros2 launch` in its own session, so that a signal reaches it and all its children, as Ctrl-C does."""

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
    """Running launch file.

    Args:
        command: command that starts it.
        folder: folder for its output and its temporary files.
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
        """Output of launch and its processes so far."""
        return self._output.read_text()

    def end(self) -> str:
        """Send SIGINT as Ctrl-C does, wait for the end, and return the output."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(120.0)
        return self.output()

    def alive(self) -> bool:
        """Return True if a process of the launch still runs."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True


@contextmanager
def launch(file: str | Path, folder: Path, **arguments: object) -> Iterator[Launch]:
    """Run a launch file, by default one in launch/; processes that still run at the end of the block are killed."""
    words = [f"{name}:={value}" for name, value in arguments.items()]
    words.append("sigterm_timeout:=60")  # on a busy computer, torch needs more than the default of 5 s to end
    launched = Launch([sys.executable, "-c", ROS2, "launch", str(LAUNCH / file), *words], folder)
    try:
        yield launched
    finally:
        if launched.alive():
            os.killpg(launched.process.pid, signal.SIGKILL)
        launched.process.wait()
