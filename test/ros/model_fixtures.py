"""Fixtures of tests with the networks and maps of the stage, with ROS 2 or without."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
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
