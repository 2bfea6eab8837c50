"""Live evaluation: a recorded drive is played to the nodes, which run in their own processes, over real DDS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from deep_localization.evaluation.drive_results import Results
from deep_localization.evaluation.models import Models
from deep_localization.evaluation.node_processes import collect, commands
from deep_localization.evaluation.node_waits import FRAME_WITHIN, wait_until_frame, wait_until_read, wait_until_ready
from deep_localization.evaluation.processes import Processes, adopt, ros_environment
from dmn_ros.filter.filter_config import FilterConfig
from localization_common.datasets.sequence import Sequence
from localization_common.files.shipped_files import shipped

if TYPE_CHECKING:
    from localization_common.ros.listener import Listener

Progress = Callable[[int, int], None]

#: Frame of the base in the replay.
BASE_FRAME = "base_link"


def run_live(
    drive: Sequence,
    models: Models,
    *,
    log_dir: Path,
    recorded_odometry: bool = False,
    threads: int = 1,
    filter_config: FilterConfig | None = None,
    progress: Progress | None = None,
) -> Results:
    """Play a drive to the nodes and collect their results. Each frame waits until all nodes finished the previous one.

    Args:
        drive: drive of any format; with recorded odometry, frames without odometry are not played.
        models: files of the networks.
        log_dir: folder of the nodes' output.
        recorded_odometry: the drive's odometry moves the particles, instead of vlocnet's.
        threads: number of torch threads of each node.
        filter_config: parameters of the particle filter; None: the defaults.
        progress: called with (frames sent, all frames).

    Raises:
        ProcessError: a node ended.
        NotReadyError: a node did not start, or did not finish, in time.
    """
    played = drive.with_odometry() if recorded_odometry else drive
    environment = ros_environment(shipped("config/fastdds.xml"))
    adopt(environment)
    from localization_common.ros.listener import listening  # imported here: offline evaluation needs no ROS

    domain = int(environment["ROS_DOMAIN_ID"])
    with Processes(log_dir, environment) as processes, listening(models.topics, domain=domain) as listener:
        player = listener.player(played, base_frame=BASE_FRAME, odometry=recorded_odometry)
        for name, arguments in commands(
            models,
            process_all=True,
            recorded_odometry=recorded_odometry,
            threads=threads,
            filter_config=filter_config,
            base_frame=BASE_FRAME,
        ).items():
            processes.start(name, arguments)
        wait_until_ready(listener, processes, models, player)
        if not recorded_odometry:
            wait_until_read(listener, processes, models)
        player.play(before_image=_one_at_a_time(listener, processes, models, progress, len(played)))
        wait_until_frame(listener, processes, models, max(player.published))
        # The next diagnostics messages have the final counters and arrive after all results.
        listener.wait_for_status([f"/{name}" for name in models.nodes], timeout=FRAME_WITHIN)
        return collect(listener, models, player.published)


def _one_at_a_time(
    listener: Listener,
    processes: Processes,
    models: Models,
    progress: Progress | None,
    frames: int,
) -> Callable[[int], None]:
    """Make a function that waits until all nodes finished the previous image; a node that ended is an error at once."""
    sent: list[int] = []

    def before_image(stamp: int) -> None:
        if sent:
            wait_until_frame(listener, processes, models, sent[-1])
        sent.append(stamp)
        if progress is not None:
            progress(len(sent), frames)

    return before_image
