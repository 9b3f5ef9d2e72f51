#!/usr/bin/env bash
# Proves that the README's commands work on a bare Debian: packaging/prove-bare-install.sh bookworm|trixie [--as-user]
#
# It makes a minimal Debian tree in a temporary folder, clones the last commit into it, and runs there what the README
# says; PYTEST_ARGS chooses among the tests, of which all take an hour. It needs root and mmdebstrap. The tree's mounts
# and processes live in namespaces of their own and go with them.
set -euo pipefail

root=$(readlink -f "$(dirname "$0")/..")

usage() {
    sed -n '2s/^# //p' "$0" >&2
    exit 2
}

# The machine's own way to Debian's packages: a mirror of the main archive, if apt knows one, else mmdebstrap's default.
apt_mirror() {
    # shellcheck disable=SC2016 # apt fills this in, not the shell
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | sed -n 1p
}

apt_transport_settings() {
    apt-config dump | grep -E '^Acquire::(https?|Check-Valid-Until|Check-Date)\b' || true
}

make_tree() {
    local suite=$1 tree=$2 mirror options=() setting
    mirror=$(apt_mirror)
    while IFS= read -r setting; do options+=(--aptopt="$setting"); done < <(apt_transport_settings)
    mmdebstrap --quiet --mode=root --variant=minbase "${options[@]}" "$suite" "$tree" ${mirror:+"$mirror"}
    apt_transport_settings >"$tree/etc/apt/apt.conf.d/99host-transport"
    cp /etc/resolv.conf /etc/hosts "$tree/etc/"
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        mkdir -p "$tree/usr/local/share/ca-certificates"
        cp /usr/local/share/ca-certificates/*.crt "$tree/usr/local/share/ca-certificates/"
    fi
}

# Only what a site sets to reach a package index; everything else of this machine's environment would spoil the proof.
network_environment() {
    env | grep -iE '^(https?_proxy|no_proxy|all_proxy|PIP_INDEX_URL|UV_DEFAULT_INDEX)=' || true
}

in_tree() {
    local settings
    mapfile -t settings < <(network_environment)
    env -i "${settings[@]}" CI=true HOME="$1" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        chroot "${@:2}" </dev/null
}

services_that_run() {
    cat "$1"/proc/[0-9]*/comm 2>/dev/null | grep -xE 'named|dhcpd|kea-dhcp4|nginx|sshd|snmpd|in.tftpd|systemd-network' || true
}

# The tree becomes this process's root: within a chroot there would be neither user namespaces nor private mounts.
enter_tree() {
    mount --bind "$1" "$1"
    mount --rbind /dev "$1/dev"
    mount --rbind /sys "$1/sys"
    mount -t proc proc "$1/proc"
    cd "$1"
    pivot_root . .
    umount --lazy .
    cd /
}

run_in_tree() {
    local tree=/ user=$2 running
    enter_tree "$1"

    in_tree /root "$tree" apt-get update --quiet
    in_tree /root "$tree" apt-get install --yes --quiet --no-install-recommends make git
    if [[ $user != root ]]; then
        in_tree /root "$tree" apt-get install --yes --quiet --no-install-recommends sudo
        in_tree /root "$tree" useradd --create-home "$user"
        echo "$user ALL=(ALL) NOPASSWD: ALL" >"$tree/etc/sudoers.d/$user"
        in_tree /root "$tree" chown -R "$user:" /srv/luna
    fi
    # The lists go, as in many container images: make install has to fetch its own.
    rm -rf "$tree"/var/lib/apt/lists/*

    in_tree "/home/$user" --userspec="$user" "$tree" bash -c 'cd /srv/luna && time make install'
    running=$(services_that_run "$tree")
    [[ -z $running ]] || { echo "make install started services: $running" >&2 && exit 1; }
    [[ ! -e $tree/usr/sbin/policy-rc.d ]] || { echo "make install left its policy-rc.d behind" >&2 && exit 1; }
    # shellcheck disable=SC2016 # the shell in the tree fills it in
    in_tree "/home/$user" --userspec="$user" "$tree" \
        bash -c 'cd /srv/luna && make --question install && make test PYTEST_ARGS="$1"' - "${PYTEST_ARGS-}"
}

if [[ ${1-} == --inside ]]; then
    run_in_tree "$2" "$3"
    exit
fi

suite=${1-}
user=root
case $suite in ''|-*) usage ;; esac
case ${2-} in '') ;; --as-user) user=developer ;; *) usage ;; esac
((EUID == 0)) || { echo "needs root: it makes mounts and a Debian tree" >&2 && exit 1; }
command -v mmdebstrap >/dev/null || { echo "needs mmdebstrap: apt-get install mmdebstrap" >&2 && exit 1; }

work=$(mktemp -d "${TMPDIR:-/tmp}/luna-bare-$suite.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work"
tree=$work/tree

make_tree "$suite" "$tree"
git -c safe.directory="$root" clone --quiet --no-local "$root" "$tree/srv/luna"
unshare --mount --pid --fork --kill-child --propagation private "$0" --inside "$tree" "$user"
echo "proved: make install and make test${PYTEST_ARGS:+ ($PYTEST_ARGS)} work on a bare $suite as $user"
