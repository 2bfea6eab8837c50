"""Command ``localization_demo``: a simulated robot drives the held-out loop of the apartment, both nodes localize it.

Simulator and nodes are processes of their own that talk over real DDS; their messages are recorded and scored.
"""

from __future__ import annotations

from deep_localization.demo.demo_drive import announce, drive
from deep_localization.demo.demo_options import Demo
from deep_localization.demo.demonstration import Demonstrated, run
from localization_common.command_line import command, options_of


def main() -> None:
    """Entry point of ``localization_demo``; exit status 1 if something failed or a frame was lost in transport."""
    with command("localization_demo"):
        options = options_of(Demo)
        run("localization_demo", options, lambda: _demonstrate(options))


def _demonstrate(options: Demo) -> Demonstrated:
    recording = drive(options, options.models)
    announce("scoring")
    # Late: torch and plots take seconds that nodes need to start.
    from deep_localization.demo.demo_scoring import evaluate

    return Demonstrated(evaluate(options, recording), recording.results.lost_in_transport)


if __name__ == "__main__":
    main()
