"""A benchmark's runs: processes of their own, whose results are kept, so that it goes on where it was interrupted."""

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
    """Run a command in a folder, on one core, with what it prints at the end of a log; ends the program if it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("a", encoding="utf-8") as file:
        ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False, env=environment, cwd=folder)
    if ended.returncode:
        sys.exit(f"{shlex.join(command)} failed: see {log}")


def told(command: Sequence[str], folder: Path) -> str:
    """The command without its program; paths in the folder, or beside it, as seen from it: alike on every machine."""
    words = (os.path.relpath(w, folder) if Path(w).is_relative_to(folder.parent) else w for w in command[1:])
    return shlex.join(words)


def kept(result: Path, command: str) -> dict[str, Any] | None:
    """What this command gave; None if that is not there, or another command's."""
    if not result.is_file():
        return None
    values: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return values if values.get("command") == command else None


def keep(result: Path, command: str, values: dict[str, Any]) -> dict[str, Any]:
    """Write what a command gave, for `kept`, and return it with the command."""
    values = values | {"command": command}
    result.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return values
