"""Fixtures of the simulator's tests: the apartment of seed 0, built once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from small_camera import SMALL

if TYPE_CHECKING:
    from localization_sim.apartments.apartment import Apartment
    from localization_sim.rendering import Renderer


@pytest.fixture(scope="session")
def apartment() -> Apartment:
    """Apartment of the demo."""
    from localization_sim.apartments.apartment import Apartment

    return Apartment.from_seed(0)


@pytest.fixture(scope="session")
def renderer(apartment: Apartment) -> Iterator[Renderer]:
    """Renderer of a small camera in the apartment."""
    from localization_sim.rendering import Renderer

    with Renderer(apartment, SMALL) as opened:
        yield opened
