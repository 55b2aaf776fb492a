#!/bin/sh
# Make .venv, or make it anew when it is out of date, unfinished or from another place.
#
# The stamp is written last: a set-up that was interrupted has none, and starts over.
# A changed lock file starts over too, since pip does not remove what is no longer needed;
# a changed pyproject.toml only installs the package again.
set -eu
cd "$(dirname "$0")/.."

stamp=.venv/.ready
lock="lock $(cksum < requirements.lock)"
project="project $(cksum < pyproject.toml)"
place="place $(pwd -P)"

stamped() { [ -x .venv/bin/python ] && [ -f "$stamp" ] && grep -qxF "$1" "$stamp"; }

if stamped "$lock" && stamped "$project" && stamped "$place"; then
    exit 0
fi

suits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null
}

choose_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3 python; do
        if ! suits "$candidate"; then
            if [ "$candidate" = "${PYTHON:-}" ]; then
                echo "PYTHON=$PYTHON is no Python 3.11, 3.12 or 3.13." >&2
                return 1
            fi
        elif ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            without="${without:-$candidate}"
        else
            echo "$candidate"
            return 0
        fi
    done
    if [ -n "${without:-}" ]; then
        echo "$without cannot make virtual environments: its modules venv and ensurepip are" \
            "missing. On Debian and Ubuntu the package python3-venv has them." >&2
    else
        echo "No Python 3.11, 3.12 or 3.13 was found. Install one, or name it:" \
            "make PYTHON=/path/to/python3.12" >&2
    fi
    return 1
}

if stamped "$lock" && stamped "$place"; then
    rm "$stamp"
else
    python=$(choose_python)
    echo "Setting up .venv with $("$python" --version). This takes a minute or two."
    rm -rf .venv
    "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r requirements.lock
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --no-deps --no-build-isolation -e .
printf '%s\n' "$lock" "$project" "$place" > "$stamp"
