"""Running of a command line: its options, and its end by an error or by Ctrl-C, which prints one line."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

import tyro

from localization_common.errors import LocalizationError

Options = TypeVar("Options")

#: Exit codes: the user can mend what is wrong; the reader of a pipe is gone; Ctrl-C.
WRONG_USE, CLOSED_PIPE, INTERRUPTED = 2, 1, 130
#: Argument with a home folder, alone or after ``--option=``.
_HOME = re.compile(r"(--[\w.-]+=)?(~.*)", re.DOTALL)


class CommandEnd(SystemExit):
    """End of a command, with the line that was printed and the exit code."""

    def __init__(self, line: str, code: int) -> None:
        super().__init__(line)
        self.code = code


def options_of(kind: type[Options], description: str | None = None, arguments: Sequence[str] | None = None) -> Options:
    """Read the options of a command line; ``~`` is the home folder, also in ``--output=~/x``, which no shell expands.

    Args:
        kind: dataclass of the options.
        description: text of the help; by default that of the dataclass.
        arguments: words of the command line; by default those of this process.
    """
    words = [_expanded(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    return tyro.cli(kind, args=words, description=description)


@contextlib.contextmanager
def command(name: str, *, interrupted: str = "interrupted") -> Iterator[None]:
    """Run a command: an error that its user can mend is one line on standard error, and so is Ctrl-C.

    Args:
        name: name of the command.
        interrupted: text for Ctrl-C.

    Raises:
        CommandEnd: the command ended early.

    Example:
        >>> def main() -> None:
        ...     with command("recording_check"):
        ...         check_recording(options_of(RecordingCheck))  # doctest: +SKIP
    """
    try:
        yield
    except LocalizationError as error:
        raise _end(name, str(error), WRONG_USE) from error
    except KeyboardInterrupt as error:
        raise _end(name, interrupted, INTERRUPTED) from error
    except BrokenPipeError as error:  # the reader of a pipe, such as head, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CommandEnd(str(error), CLOSED_PIPE) from error
    except OSError as error:
        if error.strerror is None:
            raise
        where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
        raise _end(name, f"{where}cannot be read or written ({error.strerror})", WRONG_USE) from error


def _end(name: str, text: str, code: int) -> CommandEnd:
    line = f"{name}: {text}"
    print(line, file=sys.stderr)
    return CommandEnd(line, code)


def _expanded(word: str) -> str:
    found = _HOME.fullmatch(word)
    return word if found is None else (found[1] or "") + os.path.expanduser(found[2])
