"""Log of a node in a storm of faults."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from localization_common.ros.log_limit import LogLimit
from localization_common.ros.monitor import Level, Monitor, Problem

FAULTS = ["input", "camera", "transform", "odometry", "mount", "lost"]


@dataclass
class Log:
    """Lines that a monitor logs, with a clock that the test moves."""

    now: float = 100.0
    lines: list[tuple[float, str, Problem | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.monitor = Monitor(
            lambda key, problem: self.lines.append((self.now, key, problem)), LogLimit(clock=lambda: self.now)
        )

    def texts(self, key: str) -> list[str]:
        """Texts of the problems of this name; recoveries are empty."""
        return [problem.text if problem else "" for _, name, problem in self.lines if name == key]


@pytest.fixture
def log() -> Log:
    return Log()


def storm(log: Log, seconds: float, *, random_texts: bool) -> None:
    """Report 60 faults a second of all names and levels, with good frames between."""
    rng = random.Random(0)
    for number in range(round(60 * seconds)):
        log.now += 1.0 / 60.0
        key = rng.choice(FAULTS)
        if rng.random() < 0.3:
            log.monitor.solved(key)
        else:
            text = "".join(rng.choices("abcdefgh", k=8)) if random_texts else rng.choice("abc")
            log.monitor.problem(key, rng.choice([Level.WARN, Level.ERROR]), f"{text} in frame {number}")


@pytest.mark.parametrize("random_texts", [False, True])
def test_a_storm_is_at_most_two_lines_in_any_second(log: Log, random_texts: bool) -> None:
    storm(log, 60.0, random_texts=random_texts)
    times = [time for time, *_ in log.lines]
    assert all(later - earlier >= 1.0 - 1e-9 for earlier, later in zip(times, times[2:], strict=False))
    assert len(times) > 20
    assert {key for _, key, _ in log.lines} == set(FAULTS)  # none displaces another one


def test_a_new_kind_is_logged_at_once_and_the_same_again_is_counted(log: Log) -> None:
    log.monitor.problem("input", Level.WARN, "image of 3 bytes")
    assert log.texts("input") == ["image of 3 bytes"]
    for _ in range(40):
        log.now += 0.1
        log.monitor.solved("input")
        log.now += 0.1
        log.monitor.problem("input", Level.WARN, "image of 4 bytes")
    log.monitor.problem("camera", Level.ERROR, "no camera_info")
    assert log.texts("camera") == ["no camera_info"]
    for _ in range(20):
        log.now += 0.1
        log.monitor.solved("input")
        log.now += 0.1
        log.monitor.problem("input", Level.WARN, "image of 5 bytes")
    first, recovered, again, *_ = log.texts("input")
    assert (first, recovered) == ("image of 3 bytes", "")
    assert again.startswith("image of 5 bytes (")
    assert again.endswith(" more of this kind in the last 10 s)")
    assert int(again.split("(")[1].split()[0]) in range(45, 51)


def test_a_line_that_was_left_out_is_logged_later_if_it_is_still_true(log: Log) -> None:
    for key in FAULTS:
        log.monitor.problem(key, Level.ERROR, f"{key} is wrong")
    assert len(log.lines) == 2
    assert set(log.monitor.problems) == set(FAULTS)  # /diagnostics has all of them
    log.monitor.solved(FAULTS[-1])
    for _ in range(4):
        log.now += 1.0
        assert len(log.monitor.problems) == 5  # like /diagnostics each second
    assert [key for _, key, _ in log.lines] == FAULTS[:-1]
    assert all(log.texts(key)[0].startswith(f"{key} is wrong") for key in FAULTS[:-1])


def test_the_reason_is_logged_again_after_a_new_configuration(log: Log) -> None:
    for _ in range(3):
        log.now += 1.0
        log.monitor.reset()
        log.monitor.problem("configure", Level.ERROR, "configure failed: /none: no such file")
    assert log.texts("configure") == ["configure failed: /none: no such file"] * 3


def test_events_are_limited_as_problems_are_and_remain_no_problems(log: Log) -> None:
    for number in range(1200):
        log.now += 1.0 / 60.0
        log.monitor.event(f"kind {number % 7}", f"message {number} is ignored")
    assert 10 <= len(log.lines) <= 20
    assert "more of this kind" in log.texts("kind 3")[-1]
    assert not log.monitor.problems


def test_a_problem_with_a_time_limit_ends_alone(log: Log) -> None:
    log.monitor.problem("initialpose", Level.WARN, "initialpose is ignored", seconds=0.0)
    log.monitor.problem("camera", Level.WARN, "not calibrated")
    assert list(log.monitor.problems) == ["camera"]
    log.now += 20.0
    assert list(log.monitor.problems) == ["camera"]
    assert log.lines[-1][1:] == ("initialpose", None)


def test_a_text_of_any_length_is_one_line_of_some_length(log: Log) -> None:
    log.monitor.problem("transform", Level.WARN, "no frame '" + "x\n" * 10_240 + "': publish it")
    text = log.texts("transform")[0]
    assert len(text) < 2100
    assert "\n" not in text
    assert text.endswith("publish it")
