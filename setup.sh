#!/bin/sh
# Leaves .venv ready: `sh setup.sh run` for the service and the demo, `sh setup.sh dev` for tests and checks too.
# Needs Python 3.11 or newer; everything else comes from the hashed lock. A second run only looks.
set -eu
cd "$(dirname "$0")"
kind=${1:-run}
case $kind in
    run) lock=requirements.lock; wanted="mosquitto libpangoft2-1.0-0" ;;
    dev) lock=requirements-dev.lock; wanted="mosquitto libpangoft2-1.0-0 chromium strace postgresql influxdb-client prometheus nginx caddy slapd" ;;
    *) echo "setup.sh: say run or dev" >&2; exit 2 ;;
esac

may_install() { command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
        { as_root apt-get update -qq >/dev/null 2>&1 &&
          as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; }
}

find_python() {
    for name in python3.13 python3.12 python3.11 python3 python3.14; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2])' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    echo "setup.sh: no Python 3.11 or newer found; on Debian: apt-get install python3 python3-venv" >&2
    exit 1
}

make_venv() {
    python=$(find_python)
    echo "setup: making .venv with $("$python" --version)"
    rm -rf .venv
    if "$python" -m venv .venv >/dev/null 2>&1 && [ -x .venv/bin/pip ]; then return; fi
    rm -rf .venv
    if may_install; then
        echo "setup: this Python cannot make virtual environments; installing python3-venv"
        apt_install python3-venv || true
        "$python" -m venv .venv >/dev/null 2>&1 && [ -x .venv/bin/pip ] && return
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "python$version-venv" || true
        "$python" -m venv .venv && [ -x .venv/bin/pip ] && return
    fi
    echo "setup.sh: this Python cannot make virtual environments. Run:  apt-get install python3-venv   and try again" >&2
    exit 1
}

# A moved folder breaks the scripts in .venv, so the stamp holds the place too.
stamp=$( (cat "$lock" pyproject.toml; pwd) | sha256sum | cut -d' ' -f1)
if [ ! -x .venv/bin/thermowell ] || ! grep -qx "$stamp" ".venv/.stamp-$kind" 2>/dev/null; then
    [ -x .venv/bin/pip ] && .venv/bin/python -c '' 2>/dev/null && .venv/bin/pip --version >/dev/null 2>&1 || make_venv
    echo "setup: installing from $lock"
    .venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r "$lock"
    .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
    # Also where Python is told to write no bytecode: else every start compiles everything again.
    .venv/bin/python -m compileall -q .venv/lib domain collector detectors historian alarms records api dashboards \
        simulators service >/dev/null || true
    echo "$stamp" > ".venv/.stamp-$kind"
fi

# Debian keeps the programs of a PostgreSQL server away from the PATH.
is_there() {
    [ "$1" != influxdb-client ] || set -- influx # the package's name is not the program's
    # A library, for the PDF of a batch report; another system's package may have another name.
    [ "$1" != libpangoft2-1.0-0 ] || { ls /usr/lib*/libpangoft2-1.0.so.0 || ls /usr/lib/*/libpangoft2-1.0.so.0; } >/dev/null 2>&1 && return
    command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || ls "/usr/lib/$1"/*/bin/initdb >/dev/null 2>&1
}
missing=""
for program in $wanted; do
    is_there "$program" || missing="$missing $program"
done
if [ -n "$missing" ]; then
    if may_install; then
        echo "setup: installing$missing"
        for program in $missing; do
            apt_install "$program" || echo "setup: $program could not be installed; what needs it is skipped and says so"
        done
    else
        echo "setup: not installed:$missing; what needs it is skipped and says so (apt-get install$missing)"
    fi
fi
