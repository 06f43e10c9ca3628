# Shared by tools/test and tools/demo: the Debian packages and the build folders.
# Sourced with the repository's top folder as the working directory.

# Debug information names the folder that was compiled in; another clone may reuse the object.
export CCACHE_NOHASHDIR=true

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Installs what tools/packages.txt names and is not there yet, and says what that is.
ensure_packages() {
  command -v dpkg-query >/dev/null || die "this needs Debian 12 or a relative of it (no dpkg here)"
  local package missing=()
  while read -r package; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q ' installed$' ||
      missing+=("$package")
  done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' tools/packages.txt)
  [ ${#missing[@]} -gt 0 ] || return 0
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
      die "missing packages, and neither root nor sudo to install them: ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq || say "apt-get update failed; trying with the lists there are"
  # Some bring services, which the tests run themselves: nothing is to be started by the way.
  local policy=/usr/sbin/policy-rc.d made_policy=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
    made_policy=yes
  fi
  local installed=yes
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || installed=
  [ -z "$made_policy" ] || "${as_root[@]}" rm -f "$policy"
  [ -n "$installed" ] || die "apt-get could not install: ${missing[*]}"
}

# configure_build NAME COMPILER OPTION...: sets up build/NAME once, and again when the options change or
# a plugin's folder comes or goes. COMPILER is gcc, or clang with LLVM's linker, which takes a quarter
# of the time of GNU's.
configure_build() {
  local dir=build/$1 compiler=$2
  shift 2
  local wanted chosen=(CC="ccache gcc" CXX="ccache g++")
  [ "$compiler" = gcc ] ||
    chosen=(CC="ccache clang-14" CXX="ccache clang++-14" CC_LD=lld CXX_LD=lld)
  local options="${chosen[*]} $*"
  wanted="$options $(echo plugins/*/*/meson.build)"
  if [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.options" 2>/dev/null)" = "$wanted" ]; then
    return 0
  fi
  if [ -f "$dir/build.ninja" ]; then
    # A folder keeps the compiler, the linker and some options that it began with.
    if [[ "$(cat "$dir/.options" 2>/dev/null)" = "$options "* ]]; then
      set -- --reconfigure "$@"
    else
      set -- --wipe "$@"
    fi
  fi
  env "${chosen[@]}" meson setup "$dir" "$@" >build/setup.log 2>&1 || {
    tail -n 30 build/setup.log >&2
    die "meson setup $dir failed; if it is an old folder, remove it and try again"
  }
  printf '%s\n' "$wanted" >"$dir/.options"
}

