"""Command ``localization_demo_mapping``: from a recorded drive to a localized robot, without true poses and training.

A simulated robot drives through an apartment that no network has seen. ``localization_map`` makes a place from its
images and its wheel odometry. The nodes localize another drive in the place, live. True poses are used for the scores
alone.
"""

from __future__ import annotations

from deep_localization.demo.demo_drive import announce, drive
from deep_localization.demo.demonstration import Demonstrated, run
from deep_localization.demo.mapping_demo_options import MappingDemo
from deep_localization.demo.mapping_demo_place import make_place
from localization_common.command_line import command, options_of


def main() -> None:
    """Entry point of ``localization_demo_mapping``; exit status 1 if something failed or a frame was lost."""
    with command("localization_demo_mapping"):
        options = options_of(MappingDemo)
        run("localization_demo_mapping", options, lambda: _demonstrate(options))


def _demonstrate(options: MappingDemo) -> Demonstrated:
    mapped_s = make_place(options)
    recording = drive(options, options.models, wheels=True)
    announce("scoring")
    # Late: torch and plots take seconds that nodes need to start.
    from deep_localization.demo.mapping_demo_scoring import evaluate

    return Demonstrated(evaluate(options, recording, mapped_s), recording.results.lost_in_transport)


if __name__ == "__main__":
    main()
