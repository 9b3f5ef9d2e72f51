#!/usr/bin/env bash
# Installs every distribution of this repository, editable, and the test tools into .venv.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
python=${PYTHON:-python3}
requirements=$venv/requirements.txt

# Two people's, or two shells', runs in one work tree would trip over each other.
exec 9<.
flock 9

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "make install: luna needs Python 3.11 or later, and $python is older; try make install PYTHON=python3.12" >&2
    exit 1
}

"$venv/bin/python" -c '' 2>/dev/null || "$python" -m venv --clear "$venv"
[[ -x $venv/bin/uv ]] || "$venv/bin/python" -m pip install --quiet 'uv>=0.8'

# uv reads none of pip's settings, so hand on the two that decide whether a site can reach an index at all.
index=${PIP_INDEX_URL:-$("$venv/bin/pip" config get global.index-url 2>/dev/null || true)}
if [[ -n $index ]]; then export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}; fi
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} VIRTUAL_ENV=$PWD/$venv

"$venv/bin/python" packaging/editable_requirements.py >"$requirements"
"$venv/bin/uv" pip install --requirement "$requirements"

# A plugin that was removed or renamed would otherwise go on announcing its entry points.
"$venv/bin/uv" pip list --editable --format json | "$venv/bin/python" -c '
import json, pathlib, sys

for installed in json.load(sys.stdin):
    if not (pathlib.Path(installed["editable_project_location"]) / "pyproject.toml").exists():
        print(installed["name"])
' | xargs --no-run-if-empty "$venv/bin/uv" pip uninstall
