#!/usr/bin/env bash
# Installs luna and its plugins from this repository for everybody on this machine: packaging/install-controller.sh
#
# Into /opt/luna (PREFIX names another place), which the services' unprivileged user can read, with links in
# /usr/local/bin; then it lets luna make its systemd units, user and directories. Run it again after an update.
# docs/how-to/install.md says what comes before and after.
set -euo pipefail
root=$(readlink -f "$(dirname "$0")/..")
prefix=${PREFIX:-/opt/luna}
python=${PYTHON:-/usr/bin/python3}

fail() {
    printf 'install-controller: %s\n' "$*" >&2
    exit 1
}

((EUID == 0)) || fail "needs root"
[[ $prefix == /* ]] || fail "PREFIX is $prefix; accepted is an absolute path"
"$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "$python must be Python 3.11 or later with venv (Debian: apt-get install python3-venv); PYTHON names another"

# Root's umask may be a stricter one, and other users are to run what is installed.
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Built from a copy, for setuptools leaves its own files where it builds. -L: the dracut module is a symbolic link.
mkdir "$work/luna"
cp -RL "$root"/{setup.cfg,pyproject.toml,README.md,LICENSE,luna_core} "$work/luna"
cp -R "$root/plugins" "$work/plugins"

"$python" -m venv "$prefix"
[[ -x $prefix/bin/uv ]] || "$prefix/bin/pip" install --quiet 'uv>=0.8'
index=${PIP_INDEX_URL:-$("$prefix/bin/pip" config get global.index-url 2>/dev/null || true)}
if [[ -n $index ]]; then export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}; fi
export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} UV_LINK_MODE=copy
# Versions are no guide to what is in a work tree, so luna's own distributions are always installed anew.
wanted=(--reinstall-package luna-core "$work/luna")
for project in "$work"/plugins/*/pyproject.toml; do
    folder=${project%/pyproject.toml}
    name=${folder##*/}
    wanted+=(--reinstall-package "luna-${name//_/-}" "$folder")
done
"$prefix/bin/uv" pip install --python "$prefix/bin/python" --quiet --compile-bytecode "${wanted[@]}"

for program in luna lweb ltorrent lpower lchroot; do
    if [[ -x $prefix/bin/$program ]]; then ln -sfn "$prefix/bin/$program" "/usr/local/bin/$program"; fi
done
cd /
exec "$prefix/bin/luna" services install
