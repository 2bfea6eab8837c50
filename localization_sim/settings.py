"""Parameters of the simulated robot ``apartment_camera``."""

from __future__ import annotations

from dataclasses import dataclass

from localization_common.ros.parameter_fields import START, parameter
from localization_sim.lights.lighting import STANDARD


@dataclass(frozen=True)
class ApartmentCameraSettings:
    """Parameters of the drive, the camera and the topics; read once, when the process starts."""

    seed: int = parameter(0, "Seed of the apartment.", minimum=0, when=START)
    rearranged: float = parameter(
        0.0,
        "Share of the furniture that is moved; everything else is the apartment of the seed.",
        minimum=0.0,
        maximum=1.0,
        when=START,
    )
    twin_room: bool = parameter(False, "Use another floor plan, which contains one room twice.", when=START)
    office: float = parameter(
        0.0,
        "Area in m2 (50 or more) of an office floor in place of an apartment; 0: an apartment.",
        minimum=0.0,
        when=START,
    )
    calm: float = parameter(
        0.0,
        "Share of patterns and colours that is taken away: walls of one colour, plain fabrics, few pictures.",
        minimum=0.0,
        maximum=1.0,
        when=START,
    )
    light: str = parameter(
        STANDARD,
        "Light: standard, a test light (see `apartment_record --help`), random_N, or random.",
        when=START,
    )
    drive: str = parameter("test", "Name of the drive: test, val, train_00, train_01, ...", when=START)
    loops: int = parameter(1, "Number of times that the drive is driven; 0: without end.", minimum=0, when=START)
    max_duration: float = parameter(
        0.0, "Longest time of driving in seconds, also within a loop; 0 is no limit.", minimum=0.0, when=START
    )
    random_seed: int = parameter(0, "Seed of the errors of the wheel odometry.", minimum=0, when=START)
    odometry_errors: float = parameter(
        1.0, "Factor of all errors of the wheel odometry; 0: none, 2: twice as large.", minimum=0.0, when=START
    )

    rate: float = parameter(5.0, "Images per second.", minimum=0.1, maximum=60.0, when=START)
    odom_rate: float = parameter(20.0, "Odometry messages per second.", minimum=1.0, maximum=50.0, when=START)
    width: int = parameter(320, "Image width in pixels.", minimum=16, maximum=1920, when=START)
    height: int = parameter(240, "Image height in pixels.", minimum=16, maximum=1080, when=START)
    field_of_view: float = parameter(
        90.0, "Horizontal field of view in degrees.", minimum=10.0, maximum=150.0, when=START
    )

    publish_depth: bool = parameter(False, "Publish depth (32FC1, metres).", when=START)
    publish_labels: bool = parameter(False, "Publish true labels (mono8) and their names, for scoring.", when=START)
    publish_tf: bool = parameter(True, "Broadcast odom->base_link from the wheel odometry.", when=START)
    publish_clock: bool = parameter(
        False, "Publish /clock and stamp with the drive's own time instead of the system's.", when=START
    )
    reliable: bool = parameter(True, "Publish images reliably; best-effort subscribers receive them, too.", when=START)

    wait_for_subscribers: int = parameter(
        0, "Number of subscribers of the image to wait for before driving.", minimum=0, when=START
    )
    wait_timeout: float = parameter(60.0, "Longest wait for the subscribers in seconds.", minimum=0.0, when=START)
    start_delay: float = parameter(0.0, "Seconds to wait before driving.", minimum=0.0, when=START)
    exit_when_done: bool = parameter(True, "End the process after the last loop.", when=START)
    linger: float = parameter(
        1.0,
        "Longest wait at the end, in seconds, until all subscribers have received everything.",
        minimum=0.0,
        when=START,
    )

    global_frame_id: str = parameter("map", "Frame of the ground truth.", when=START)
    odom_frame_id: str = parameter("odom", "Frame of the wheel odometry.", when=START)
    base_frame_id: str = parameter("base_link", "Frame of the robot.", when=START)
    camera_frame_id: str = parameter("camera_optical_frame", "Frame of the camera (REP-103 optical).", when=START)
