"""Check of command lines in documents with the parsers of the commands."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import tyro
from markdown_files import ROOT

from deep_localization.command_reference import COMMANDS
from localization_common.errors import LocalizationError

#: Commands of the system, of ROS 2 and of evo; their options are not checked.
FOREIGN = {
    *(
        "touch",
        "cd",
        "cp",
        "echo",
        "export",
        "git",
        "ls",
        "mkdir",
        "source",
        "rerun",
        "sudo",
        "tar",
        "torchrun",
        "xdg-open",
    ),
    *(
        "apt-get",
        "colcon",
        "docker",
        "mkdocs",
        "pip",
        "rosdep",
        "rviz2",
        "tensorboard",
        "evo_ape",
        "evo_rpe",
        "evo_traj",
    ),
}
ASSIGNMENT = re.compile(r"^\w+=")
#: Words of the shell before a command, and words that begin no command.
BEFORE, NO_COMMAND = {"do", "then", "else"}, {"for", "done", "fi"}


def command_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Split a block into commands: the line, from 0, and the words of each part of ``a && b | c``, without comments."""
    start, whole = 0, ""
    for number, line in enumerate(text.splitlines()):
        start = start if whole else number
        whole += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        lexer = shlex.shlex(whole, posix=True, punctuation_chars="&|;")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("&|;"):
                if words:
                    yield start, words
                words = []
            else:
                words.append(word)
        whole = ""


def fault(words: list[str]) -> str:
    """Message with the error of a command; empty if it is valid."""
    while words and (ASSIGNMENT.match(words[0]) or words[0] in BEFORE):
        words = words[1:]
    if not words or words[0] in NO_COMMAND:
        return ""
    name, arguments = Path(words[0]).name, words[1:]
    if name in COMMANDS:
        return parsing_fault(name, tuple(arguments))
    if name in console_scripts() or name in FOREIGN:
        return ""
    if name == "make":
        return next((f"make: no target {word}" for word in arguments if not _made(word)), "")
    if name == "ros2":
        return ros2_fault(arguments)
    if re.fullmatch(r"python[\d.]*", name):
        return python_fault(arguments)
    return f"{name}: neither a command of this package nor a known one of the system"


@cache
def parsing_fault(name: str, arguments: tuple[str, ...]) -> str:
    """Message of a command's parser for arguments that it refuses."""
    if "--help" in arguments:
        return ""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(printed):
            tyro.cli(COMMANDS[name], args=arguments, console_outputs=True)
    except SystemExit:
        return f"{name}: " + " ".join(re.sub(r"\x1b\[[\d;]*m|[─│╭╮╰╯]", "", printed.getvalue()).split())
    except LocalizationError as error:
        return f"{name}: {error}"
    return ""


def unknown_options(words: list[str]) -> list[str]:
    """List the options of a command that it does not have."""
    name = Path(words[0]).name
    given = [word.split("=")[0] for word in words[1:] if re.match(r"--[a-z]", word)]
    return [f"{name}: no option {option}" for option in given if option not in options_of(name)]


@cache
def options_of(name: str) -> set[str]:
    """Names of all options of a command."""
    parser = tyro.extras.get_parser(COMMANDS[name])
    return {option for action in parser._actions for option in action.option_strings}


def ros2_fault(arguments: list[str]) -> str:
    """Message with the error of ``ros2 launch`` or ``ros2 run`` of this package."""
    if arguments[:2] not in (["launch", "deep_localization"], ["run", "deep_localization"]) or len(arguments) < 3:
        return ""
    target = arguments[2]
    if arguments[0] == "run":
        return "" if target in console_scripts() else f"ros2 run: no executable {target}"
    if not launch_files(target):
        return f"ros2 launch: no file {target}"
    known = launch_arguments(target)
    given = [word.partition(":=")[0] for word in arguments[3:] if ":=" in word]
    return next((f"ros2 launch: {target} has no argument {name}" for name in given if name not in known), "")


def python_fault(arguments: list[str]) -> str:
    """Message with a missing script or module, or with a wrong option of a script of examples/."""
    if not arguments or arguments[0] == "-c":
        return ""
    if arguments[0] == "-m":
        return "" if importlib.util.find_spec(arguments[1]) else f"python: no module {arguments[1]}"
    script = ROOT / arguments[0]
    if not script.is_file():
        return f"python: no file {arguments[0]}"
    if script.parent.name != "examples":
        return ""
    options = [word for word in arguments if word.startswith("--")]
    return next((f"{script.name}: no option {o}" for o in options if f'"{o}"' not in script.read_text()), "")


@cache
def console_scripts() -> set[str]:
    """Commands and nodes that setup.py installs."""
    return set(re.findall(r'"(\w+) = [\w.]+:\w+"', (ROOT / "setup.py").read_text()))


@cache
def launch_files(name: str) -> list[Path]:
    """Launch files of this name that are installed; `ros2 launch` searches the whole share folder."""
    return [path for folder in ("launch", "examples") for path in (ROOT / folder).rglob(name)]


@cache
def launch_arguments(name: str) -> set[str]:
    """Arguments of a launch file and of the file that it includes."""
    found: set[str] = set()
    text = launch_files(name)[0].read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DeclareLaunchArgument":
            found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ARGUMENTS":
            found |= {ast.literal_eval(key) for key in getattr(node.value, "keys", ()) if key}
    included = [other for other in re.findall(r'"(\w+\.launch\.py)"', text) if other != name]
    return found.union(*(launch_arguments(other) for other in included))


def _made(word: str) -> bool:
    makefile = (ROOT / "Makefile").read_text()
    return "=" in word or word.startswith("-") or re.search(rf"^{re.escape(word)}:", makefile, re.M) is not None
