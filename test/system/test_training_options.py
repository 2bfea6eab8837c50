"""Options of the four training commands: the same names for the same things, and the earlier names as aliases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tyro

from dmn_ros.commands import train as dmn_train
from dmn_ros.commands import train_worlds as dmn_train_worlds
from vlocnet_ros.commands.train_schedule import ScheduleConfig
from vlocnet_ros.training.config import TrainConfig

VLOCNET = ["--train", "a", "--output", "o"]
#: Options class of each command, with the words that it cannot do without.
COMMANDS = {
    "vlocnet_train": (TrainConfig, VLOCNET),
    "vlocnet_train_schedule": (ScheduleConfig, VLOCNET),
    "dmn_train": (dmn_train.TrainCommand, ["a"]),
    "dmn_train_worlds": (dmn_train_worlds.TrainWorldsCommand, ["a"]),
}
NEW = ["--validate", "v", "--initial", "i", "--runs", "r", "--no-progress-bar"]


def parsed(command: str, words: list[str]) -> Any:
    options, needed = COMMANDS[command]
    config: Any = tyro.cli(options, args=[*needed, *words])
    return config.common if command == "vlocnet_train_schedule" else config


@pytest.mark.parametrize("command", COMMANDS)
def test_sister_commands_share_the_names_of_their_options(command: str) -> None:
    config = parsed(command, [*NEW, *(["--resume", "last.ckpt"] if command == "dmn_train" else ["--resume"])])
    several = command.startswith("vlocnet")
    assert config.validate == ((Path("v"),) if several or command == "dmn_train" else Path("v"))
    assert config.initial == ((Path("i"),) if several else Path("i"))
    assert config.runs == Path("r")
    assert config.resume
    assert not config.progress_bar


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("dmn_train", ["--validation", "v", "--start", "i", "--logs", "r", "--no-progress"]),
        ("dmn_train_worlds", ["--validation", "v", "--initial", "i", "--logs", "r", "--no-progress"]),
    ],
)
def test_earlier_names_still_work(command: str, words: list[str]) -> None:
    assert parsed(command, words) == parsed(command, NEW)
    assert parsed(command, [*words[:-1], "--progress"]).progress_bar
