#!/bin/sh
# Write requirements.lock anew: versions and hashes for Python 3.11 to 3.13 on every platform.
#
# Versions stay as they are unless pyproject.toml asks for others; `make lock UPGRADE=1` takes
# the newest of everything. Then environment.yml follows.
set -eu
cd "$(dirname "$0")/.."

uv=$(mktemp -d)
trap 'rm -rf "$uv"' EXIT
.venv/bin/python -m venv "$uv"
"$uv/bin/python" -m pip install --quiet --disable-pip-version-check uv
"$uv/bin/python" -m uv pip compile pyproject.toml --extra dev \
    --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --no-emit-index-url --no-header --quiet \
    ${UPGRADE:+--upgrade} --output-file requirements.lock
.venv/bin/python tools/environment.py
