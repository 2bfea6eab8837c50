#!/usr/bin/env bash
# Builds with colcon, collects all tests with `colcon test`, and runs the tests of launch files and of ros2's commands,
# with the tools of ROS 2, without a sourced ROS 2.
#   test/launch/real_ros.sh FOLDER [PYTHON [OPTIONS OF PYTEST]]
# FOLDER has the sources: launch, launch_ros, ros2cli, rosidl_runtime_py and osrf_pycommon, each as a clone of the
# branch for ROS 2 Jazzy. PYTHON (default: .venv/bin/python) has this package, the wheels of ROS 2, and psutil and
# catkin-pkg, which ros2cli needs. Nothing is downloaded. colcon is used if it is in FOLDER/colcon:
#   python3 -m pip install --no-deps --target FOLDER/colcon colcon-{core,ros,cmake,pkg-config,python-setup-py,test-result,\
#     library-path,metadata,package-selection,package-information,recursive-crawl,output,parallel-executor,bash} \
#     distlib empy==3.3.4 python-dateutil six
# Where Nav2 is sourced (AMENT_PREFIX_PATH), its map_server and lifecycle manager take the place of the tests' stand-ins.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,13p' "$0"; exit 2; }
sources=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
python=$(command -v "${2:-.venv/bin/python}")
python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python")  # a link of a virtual environment must not be resolved
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

packages=(osrf_pycommon rosidl_runtime_py launch/{launch,launch_xml,launch_yaml,launch_testing,launch_pytest}
          launch_ros/{launch_ros,launch_testing_ros,ros2launch} ros2cli/{ros2cli,ros2pkg,ros2run,ros2param,ros2node,ros2service,ros2topic,ros2lifecycle})
for package in "${packages[@]}"; do
  [ -e "$sources/$package/setup.py" ] || { echo "no $sources/$package/setup.py: clone ${package%%/*} into $sources" >&2; exit 2; }
done
"$python" -c 'import psutil, catkin_pkg' || { echo "type: $python -m pip install psutil catkin-pkg" >&2; exit 2; }

# Copies, because a build writes files beside the sources.
mkdir "$work/sources" "$work/site"
(cd "$sources" && cp -r --parents "${packages[@]}" "$work/sources")
(cd "$work/sources" && "$python" -m pip install --quiet --no-index --no-deps --no-build-isolation --target "$work/site" \
  "${packages[@]/#/./}")
# launch_ros imports this service for composable nodes, which these launch files do not use.
if ! "$python" -c 'import composition_interfaces' 2>/dev/null; then
  mkdir "$work/site/composition_interfaces"
  printf 'class LoadNode:\n    Request = Response = object\n' >"$work/site/composition_interfaces/srv.py"
  touch "$work/site/composition_interfaces/__init__.py"
fi

colcon() {
  (cd "$work/workspace" && PYTHONPATH="$sources/colcon:$site" "$python" -c 'import sys; sys.argv[0] = "colcon"
from colcon_core.command import main
sys.exit(main())' --log-base "$work/log" "$@")
}

# This checkout as colcon installs it: the share folder, and the commands where ros2 searches for them.
site=$work/site${PYTHONPATH:+:$PYTHONPATH}
PATH=$(dirname "$python"):$PATH
prefix=$work/workspace/install/deep_localization
if [ -d "$sources/colcon" ]; then
  mkdir -p "$work/workspace/src"
  git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cT - |
    (mkdir "$work/workspace/src/deep_localization" && tar -xC "$work/workspace/src/deep_localization")
  colcon build --packages-select deep_localization
  colcon test --packages-select deep_localization --pytest-args --collect-only -q
  colcon test-result
else
  mkdir -p "$prefix"/{share/ament_index/resource_index/packages,lib/deep_localization}
  ln -s "$PWD" "$prefix/share/deep_localization"
  ln -s "$PWD/resource/deep_localization" "$prefix/share/ament_index/resource_index/packages/deep_localization"
  for program in vlocnet dmn localization apartment_camera rerun_viewer; do
    printf '#!%s\nimport sys\nfrom deep_localization.starting import %s\nsys.exit(%s())\n' "$python" $program $program \
      >"$prefix/lib/deep_localization/$program"
    chmod +x "$prefix/lib/deep_localization/$program"
  done
fi

export PYTHONPATH="$PWD:$work/site${PYTHONPATH:+:$PYTHONPATH}"
AMENT_PREFIX_PATH="$prefix:$work/site:$("$python" -c 'import sys; print(sys.prefix)')${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}"
export AMENT_PREFIX_PATH
for name in localization nav2_localization; do  # found by its name, as README has it
  "$python" -c 'import sys; from ros2cli.cli import main; sys.exit(main())' \
    launch deep_localization $name.launch.py --show-args >/dev/null
done
shift $(( $# < 2 ? $# : 2 ))
[ $# -gt 0 ] || set -- test/launch test/recordings/test_collection.py
"$python" -m pytest "$@"
