"""Runs of a benchmark in their own processes, with stored results, so that an interrupted benchmark can continue."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def run(command: Sequence[str], log: Path, folder: Path) -> None:
    """Run a command in a folder, on one core; append its output to a log; end the program if it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("a", encoding="utf-8") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False, env=environment, cwd=folder)
    if ended.returncode:
        sys.exit(f"{shlex.join(command)} failed: see {log}")


def portable(command: Sequence[str], folder: Path) -> str:
    """Command without its program and with relative paths in the folder or beside it: the same on every computer."""
    words = (os.path.relpath(w, folder) if Path(w).is_relative_to(folder.parent) else w for w in command[1:])
    return shlex.join(words)


def stored(result: Path, command: str) -> dict[str, Any] | None:
    """Read the stored result of this command; None if there is none, or if it is of another command."""
    if not result.is_file():
        return None
    values: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return values if values.get("command") == command else None


def store(result: Path, command: str, values: dict[str, Any]) -> dict[str, Any]:
    """Write the result of a command, for `stored`, and return it with the command."""
    values = values | {"command": command}
    result.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return values
