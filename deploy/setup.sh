# What ./run and ./test need of a machine, as functions to source: `say`, `fail`, `need_packages NAME..`, `need_venv LOCKFILE`, `step COMMAND..`.
# The caller sets `root` to the repository's folder. Every function is safe to run again, and by two at once.
# shellcheck shell=bash

PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
step_pid=""

say() { printf '== %s\n' "$*"; }

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# package_present NAME: a program that stands on PATH counts, whoever installed it.
package_present() {
    case "$1" in
        mosquitto) command -v mosquitto >/dev/null ;;
        mosquitto-clients) command -v mosquitto_sub >/dev/null ;;
        nats-server) command -v nats-server >/dev/null ;;
        iproute2) command -v ip >/dev/null ;;
        ffmpeg) command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null ;;
        *) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    esac
}

missing_packages() {
    local name
    for name in "$@"; do package_present "$name" || printf '%s ' "$name"; done
}

# as_root COMMAND..: runs it as root, asking for a password only where somebody can type it.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        sudo "$@"
    else
        return 126
    fi
}

# apt_get ARGS..: Debian starts a service that it installs; RUNLEVEL=1 keeps it from that outside systemd, and under systemd the
# machine's own broker on port 1883 is left alone: ours takes another port.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

# need_packages NAME..: installs the Debian packages that are missing, or says in one sentence which ones are.
need_packages() {
    local missing said
    missing="$(missing_packages "$@")"
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null ||
        fail "please install these programs first (this machine has no apt-get): ${missing% }"
    say "Installing ${missing% }"
    if ! as_root true; then
        fail "these packages are missing and cannot be installed without root: run 'apt-get install ${missing% }' as root, then start this again"
    fi
    apt_get update >&2 || say "The package lists could not be refreshed; going on with the ones that are there"
    # shellcheck disable=SC2086 # a list of names
    if ! said="$(apt_get install -y --no-install-recommends $missing 2>&1)"; then
        printf '%s\n' "$said" | tail -n 30 >&2
        fail "apt-get could not install ${missing% }; see its message above"
    fi
    missing="$(missing_packages "$@")"
    [ -z "$missing" ] || fail "still missing after apt-get install: ${missing% }"
}

# find_python: prints a Python of at least 3.11; a version manager's stand-in that does not run is passed over.
find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3 /usr/bin/python3; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

# find_python_with_venv: sets $python, installing what Debian keeps apart.
find_python_with_venv() {
    if ! python="$(find_python)"; then
        command -v apt-get >/dev/null || fail "Python 3.11 or newer is needed and not found; please install it"
        need_packages python3.11 python3.11-venv
        python="$(find_python)" || fail "Python 3.11 or newer is needed and not found; please install it"
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        need_packages "$("$python" -c 'import sys; print(f"python3.{sys.version_info[1]}-venv")')"
    fi
}

checksum_of() { cat "$root/$1" "$root/pyproject.toml" 2>/dev/null | sha256sum | cut -d' ' -f1; }

# venv_current LOCKFILE: true where .venv was filled from this lock, or from the development lock, which holds more.
venv_current() {
    local stamp
    stamp="$(cat "$root/.venv/saksi-stamp" 2>/dev/null)" || return 1
    [ "$stamp" = "$(checksum_of "$1") $root" ] || [ "$stamp" = "$(checksum_of requirements-dev.lock) $root" ] || return 1
    "$root/.venv/bin/python" -c 'import edge' 2>/dev/null
}

fill_venv() {
    local pip="$root/.venv/bin/python -m pip --disable-pip-version-check --quiet"
    # A copy that was moved here still points to where it came from.
    if ! "$root/.venv/bin/python" -m pip --version >/dev/null 2>&1 || ! grep -qF "$root/.venv" "$root/.venv/bin/activate"; then
        find_python_with_venv
        say "Making .venv with $("$python" --version)"
        "$python" -m venv --clear "$root/.venv" || fail "$python could not make .venv; see its message above"
    fi
    rm -f "$root/.venv/saksi-stamp"
    say "Installing the Python packages of $1"
    $pip install --require-hashes -r "$root/$1" ||
        fail "the packages of $1 could not be installed; is the network there? See pip's message above"
    $pip install --no-deps --no-build-isolation -e "$root" || fail "Saksi itself could not be installed into .venv; see pip's message above"
    printf '%s %s\n' "$(checksum_of "$1")" "$root" >"$root/.venv/saksi-stamp"
}

# need_venv LOCKFILE: makes $root/.venv hold exactly what the lock file names; does nothing where it does already.
need_venv() {
    venv_current "$1" && return 0
    # The lock is on the folder itself, so that it leaves no file behind; whoever waited looks again.
    (
        flock 9
        venv_current "$1" || fill_venv "$1" 9<&-
    ) 9<"$root" || exit 1
}

# step COMMAND..: runs a command in a process group of its own; nothing of the group outlives it, nor this script when it is stopped.
step() {
    local status=0
    set -m
    "$@" </dev/null &
    step_pid=$!
    set +m
    wait "$step_pid" || status=$?
    kill -KILL -- "-$step_pid" 2>/dev/null || true
    step_pid=""
    return "$status"
}

# stop_step SIGNAL STATUS: for `trap`; passes the signal on, waits 10 s at most, leaves nothing running.
stop_step() {
    trap '' INT TERM HUP
    if [ -n "$step_pid" ]; then
        kill -"$1" -- "-$step_pid" 2>/dev/null
        for _ in $(seq 100); do
            kill -0 -- "-$step_pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$step_pid" 2>/dev/null
    fi
    printf '%s: stopped\n' "${0##*/}" >&2
    exit "$2"
}
