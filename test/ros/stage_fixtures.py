"""Fixtures of tests with real nodes; the conftest.py of each folder with such tests imports them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
import torch
from rclpy.context import Context
from robot_stage import Stage
from stage_models import save_models


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Set torch to one thread, because tests share the cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with vlocnet.safetensors, dmn.safetensors and map.safetensors of random weights."""
    folder = tmp_path_factory.mktemp("models")
    save_models(folder)
    return folder


@pytest.fixture
def context(ros_domain: int) -> Iterator[Context]:
    """ROS context in the domain of the test."""
    context = Context()
    rclpy.init(context=context, domain_id=ros_domain)
    yield context
    rclpy.try_shutdown(context=context)


@pytest.fixture
def stage(context: Context, models: Path) -> Iterator[Stage]:
    """Robot and nodes under test in the domain of the test."""
    stage = Stage(context, models)
    yield stage
    stage.close()
