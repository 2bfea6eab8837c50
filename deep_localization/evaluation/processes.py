"""Child processes that end with their parent, even if the parent is killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from localization_common.errors import LocalizationError

#: Variables with the file of Fast DDS's profile: Jazzy reads the first only, and Kilted warns of it.
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
_PR_SET_PDEATHSIG = 1
_DOMAINS = range(2, 102)  # 0 is everybody's default; from 102 on, Linux gives the ports to other programs
_claims: list[socket.socket] = []


class ProcessError(LocalizationError):
    """Error: a child process ended too early."""


def claim_domain() -> tuple[int, socket.socket]:
    """Reserve a ROS domain, so that no other run on this machine gets it.

    Returns:
        The domain, and an open socket with the domain's name. The domain is free again when the socket is closed;
        the kernel closes it even if the process is killed.
    """
    for domain in random.SystemRandom().sample(_DOMAINS, len(_DOMAINS)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0deep_localization_domain_{domain}")
        except OSError:
            claim.close()
        else:
            return domain, claim
    raise ProcessError(f"all ROS domains from {_DOMAINS[0]} to {_DOMAINS[-1]} are used by runs on this machine")


def _domain_of_next_run() -> int:
    """Reserve a domain until the next run of this process begins."""
    domain, claim = claim_domain()
    while _claims:
        _claims.pop().close()
    _claims.append(claim)
    return domain


def ros_environment(profile: Path, *, domain: int | None = None) -> dict[str, str]:
    """Environment variables for nodes that communicate with each other on this computer only.

    Args:
        profile: Fast DDS profile with a shared-memory segment that is large enough for images.
        domain: ROS_DOMAIN_ID; by default a random one that no other run on this machine uses.
    """
    chosen = _domain_of_next_run() if domain is None else domain
    # Children import the same packages as this process, not other installed ones.
    path = os.pathsep.join(filter(None, (str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH"))))
    return {
        **os.environ,
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "ROS_DOMAIN_ID": str(chosen),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        **dict.fromkeys(PROFILE_VARIABLES, str(profile)),
    }


def adopt(environment: Mapping[str, str]) -> None:
    """Set the variables of the children's middleware in this process; they are read when a context is made."""
    names = ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", *PROFILE_VARIABLES)
    os.environ.update({name: environment[name] for name in names})


def _end_with_parent() -> None:
    """Request SIGTERM from Linux when the parent ends, even by SIGKILL; runs in the child before its program starts."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Processes:
    """Named child processes with a log file each; the end of the context ends all of them.

    Every child has its own session, so that Ctrl-C in a terminal reaches the parent only, which then ends the children
    in order.
    """

    def __init__(self, log_dir: Path, environment: Mapping[str, str], *, grace: float = 5.0) -> None:
        self._log_dir, self._environment, self._grace = log_dir, dict(environment), grace
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._may_finish: set[str] = set()
        log_dir.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, arguments: Sequence[str], *, may_finish: bool = False) -> None:
        """Start ``python ARGUMENTS`` with its output in ``<log_dir>/<name>.log``.

        Args:
            may_finish: an end with exit status 0 is expected.
        """
        if may_finish:
            self._may_finish.add(name)
        with (self._log_dir / f"{name}.log").open("wb") as log:
            self._children[name] = subprocess.Popen(
                [sys.executable, *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the children by name."""
        return {name: child.pid for name, child in self._children.items()}

    def finished(self, name: str) -> bool:
        """Return True if a child has ended."""
        return self._children[name].poll() is not None

    def check(self) -> None:
        """Check that all children run, or have finished as expected.

        Raises:
            ProcessError: a child ended; the message has the end of its log.
        """
        for name, child in self._children.items():
            code = child.poll()
            if code is not None and not (code == 0 and name in self._may_finish):
                log = self._log_dir / f"{name}.log"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise ProcessError(f"{name} ended with exit status {code}; the end of {log}:\n{tail}")

    def stop(self) -> None:
        """End all children by their process ids: SIGINT, then SIGTERM, then SIGKILL, with a pause after each."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for child in self._children.values():
                if child.poll() is None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(child.pid, number)
            deadline = time.monotonic() + self._grace
            for child in self._children.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=max(0.05, deadline - time.monotonic()))

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
