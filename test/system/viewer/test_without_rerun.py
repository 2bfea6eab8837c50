"""Tests of the commands that show results in Rerun, where rerun-sdk is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deep_localization import starting
from deep_localization.evaluation.evaluate_bag import Evaluation, evaluate
from deep_localization.viewer.rerun_library import INSTALL, require_rerun
from localization_common.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_rerun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)


def test_the_viewer_names_the_command_that_installs_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert starting.rerun_viewer() == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert INSTALL in printed


def test_an_evaluation_refuses_before_it_reads_the_recording(tmp_path: Path) -> None:
    options = Evaluation(tmp_path / "missing", rerun=tmp_path / "drive.rrd")
    with pytest.raises(ConfigError, match="Rerun, the viewer, is not installed"):
        evaluate(options, command="evaluate_bag")
    assert not (tmp_path / "drive.rrd").exists()


def test_the_command_installs_the_version_of_the_extra() -> None:
    (extra,) = [
        line for line in (Path(__file__).parents[3] / "setup.py").read_text().splitlines() if "rerun-sdk" in line
    ]
    assert INSTALL.split("'")[1] in extra
    with pytest.raises(ConfigError):
        require_rerun()
