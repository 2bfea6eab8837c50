"""Set-up of the ament_python package: packages, data files, dependencies and commands."""

from glob import glob

from setuptools import find_packages, setup

PACKAGE = "deep_localization"
SHARE = f"share/{PACKAGE}"
PACKAGES = (
    "deep_localization", "dmn_ros", "localization_common", "localization_mapping", "localization_sim", "vlocnet_ros",
)  # fmt: skip

setup(
    name=PACKAGE,
    version="0.1.0",
    description="Localization of a robot with one camera: VLocNet++ and Differentiable Mapping Networks as ROS 2 nodes",
    maintainer="deep_localization maintainers",
    maintainer_email="maintainers@deep-localization.invalid",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=[f"{name}*" for name in PACKAGES]),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (SHARE, ["package.xml"]),
        (f"{SHARE}/launch", glob("launch/*.launch.py")),
        (f"{SHARE}/config", glob("config/*")),
        (f"{SHARE}/rviz", glob("rviz/*.rviz")),
        (f"{SHARE}/examples/nav2", glob("examples/nav2/*")),
        (f"{SHARE}/models", glob("models/*")),
    ],
    # OpenCV is not listed: pip does not see Debian's python3-opencv and would install a second one.
    install_requires=["setuptools", "numpy", "safetensors>=0.4", "simplejpeg", "torch>=2.1"],
    extras_require={
        "train": [
            "evo",
            "lightning",
            "mcap",
            "pyyaml",
            "rosbags",
            "scipy",
            "tensorboard",
            "timm>=1.0.27",
            "torchvision",
            "tyro",
        ],
        "sim": ["mcap", "mujoco", "rosbags", "scipy", "tyro"],
        "keyframes": ["pycolmap", "pyyaml", "scipy", "tyro"],
        "mapping": ["gtsam>=4.2", "matplotlib", "plotly", "pycolmap", "pyyaml", "rosbags", "scipy", "tqdm", "tyro"],
        "bags": ["lz4", "mcap", "rosbags", "zstandard"],
        "export": ["onnx", "onnxruntime", "onnxscript", "openvino", "tyro"],
        "report": ["evo", "matplotlib", "mcap", "plotly", "pyyaml", "rosbags", "scipy", "tyro"],
        "rerun": ["rerun-sdk>=0.39"],
        "worlds": ["google-crc32c", "plyvel", "protobuf", "tyro"],
        "test": ["hypothesis", "pytest<9", "pytest-timeout", "pytest-xdist", "torchmetrics"],
    },
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "vlocnet = deep_localization.starting:vlocnet",
            "dmn = deep_localization.starting:dmn",
            "localization = deep_localization.starting:localization",
            "apartment_camera = deep_localization.starting:apartment_camera",
            "vlocnet_train = vlocnet_ros.commands.train:main",
            "vlocnet_train_schedule = vlocnet_ros.commands.train_schedule:main",
            "vlocnet_evaluate = vlocnet_ros.commands.evaluate:main",
            "vlocnet_explain = vlocnet_ros.commands.explain:main",
            "vlocnet_build_keyframes = vlocnet_ros.commands.build_keyframes:main",
            "vlocnet_export = vlocnet_ros.commands.export:main",
            "vlocnet_systems = vlocnet_ros.commands.complexity:main",
            "vlocnet_calibrate = vlocnet_ros.commands.calibrate:main",
            "vlocnet_tables = vlocnet_ros.commands.tables:main",
            "dmn_train = dmn_ros.commands.train:main",
            "dmn_evaluate = dmn_ros.commands.evaluate:main",
            "dmn_train_worlds = dmn_ros.commands.train_worlds:main",
            "dmn_evaluate_worlds = dmn_ros.commands.evaluate_worlds:main",
            "dmn_build_map = dmn_ros.commands.build_map:main",
            "evaluate_bag = deep_localization.evaluation.evaluate_bag:main",
            "localization_demo = deep_localization.demo.demo:main",
            "rerun_viewer = deep_localization.starting:rerun_viewer",
            "localization_map = deep_localization.starting:localization_map",
            "localization_demo_mapping = deep_localization.demo.mapping_demo:main",
            "apartment_record = localization_sim.commands.record:main",
            "worlds_generate = localization_sim.commands.generate_worlds:main",
            "worlds_difficulty = localization_common.datasets.world_difficulty:main",
            "recording_check = localization_common.recording_check.command:main",
            "sequence_to_bag = localization_common.datasets.rosbag2_writer:main",
        ],
    },
)
