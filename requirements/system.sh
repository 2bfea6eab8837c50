# What set-up needs of the computer: Debian packages and free disk. setup.sh sources it.

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

has_library() {  # file name
  local cache
  cache=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) || return 0   # no list of libraries: render_check.py finds out
  [[ $cache == *"$1 "* ]]
}

# Prints the Debian packages that are missing, without Python too, so that all of them are named at once.
missing_packages() {
  local python=$1 ros=$2 of_python=python3
  # python3-venv is for Debian's python3; other versions of Debian's Python have packages of their own.
  if [ -n "$python" ] && ! [ "$(readlink -f "$python")" = "$(readlink -f /usr/bin/python3)" ]; then
    of_python=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
  fi
  [ -n "$python" ] || echo python3
  [ -n "$python" ] && "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "$of_python-venv"
  if [ "$ros" = wheels ]; then   # messages are generated and compiled
    command -v c++ >/dev/null || echo g++
    [ -n "$python" ] && [ -e "$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" ] ||
      echo "$of_python-dev"
  fi
  if [ "${MUJOCO_GL:-egl}" = osmesa ]; then
    has_library libOSMesa.so.8 || echo libosmesa6
  else
    has_library libEGL.so.1 || echo libegl1
    has_library libOpenGL.so.0 || echo libopengl0
    compgen -G '/usr/lib*/dri/*' >/dev/null || compgen -G '/usr/lib/*/dri/*' >/dev/null || [ -e /dev/nvidiactl ] ||
      echo libgl1-mesa-dri
  fi
}

# Installs what is missing, or stops with the command that does.
need_packages() {  # python (may be empty), ros
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} = 0 ] && return
  apt_install "${missing[@]}" || true
  mapfile -t missing < <(missing_packages "$(find_python)" "$2")
  [ ${#missing[@]} = 0 ] ||
    fail "this computer has no ${missing[*]}" "sudo apt install ${missing[*]}"
}

existing_folder() { local path=$1; until [ -d "$path" ]; do path=$(dirname "$path"); done; echo "$path"; }

# Prints a disk that is too small, or nothing. Arguments: path, MB, path, MB, ...: what is written there.
small_disk() {
  declare -A needed free
  local device kilobytes
  while [ $# -gt 0 ]; do
    read -r device kilobytes < <(df -Pk "$(existing_folder "$1")" | awk 'NR == 2 { print $1, $4 }')
    needed[$device]=$(( ${needed[$device]:-0} + $2 ))
    free[$device]=$(( kilobytes / 1024 ))
    shift 2
  done
  for device in "${!needed[@]}"; do
    [ "${free[$device]}" -ge "${needed[$device]}" ] ||
      { echo "$device has ${free[$device]} MB free, and set-up needs ${needed[$device]} MB there"; return; }
  done
}

# Stops if there is no room for libraries of this size and their download; if only pip's cache does not fit, pip keeps none.
need_disk() {  # folder of the libraries, MB, folder of the download, MB, pip's cache
  local small
  small=$(small_disk "$1" "$2" "$3" "$4")
  [ -z "$small" ] ||
    fail "$small" "make setup   (again, when there is more room; TMPDIR may name a folder on another disk)"
  if [ -n "$5" ] && [ -n "$(small_disk "$1" "$2" "$3" "$4" "$5" "$4")" ]; then
    step "the disk is too small for a copy of the downloads in pip's cache: none is kept"
    export PIP_NO_CACHE_DIR=1
  fi
}
