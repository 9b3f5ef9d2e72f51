#!/usr/bin/env bash
# Installs what is missing of apt-packages.txt, and sees to it that none of it starts a service, now or at the next boot.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

self=$(readlink -f "$0")
list=${self%/*}/apt-packages.txt
guard=/usr/sbin/policy-rc.d
guard_mark="luna: no service starts while packaging/install-apt-packages.sh runs"

fail() {
    printf 'make install: %s\n' "$*" >&2
    exit 1
}

is_installed() {
    [[ $(dpkg-query --show --showformat ' ${db:Status-Status} ' "$1" 2>/dev/null) == *" installed "* ]]
}

has_candidate() {
    [[ $(apt-cache policy "$1") == *"Candidate: "[!\(]* ]]
}

wanted_lines() {
    sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$list"
}

is_satisfied() {
    local name
    for name in "$@"; do
        if [[ $name != - ]] && is_installed "$name"; then return; fi
    done
    return 1
}

# Prints the first of the alternatives that this release has, "-" if none is needed, nothing if one is.
choose() {
    local name
    for name in "$@"; do
        if [[ $name == - ]] || has_candidate "$name"; then
            echo "$name"
            return
        fi
    done
}

missing_lines() {
    local line names
    wanted_lines | while read -r line; do
        IFS='|' read -ra names <<<"$line"
        is_satisfied "${names[@]}" || echo "$line"
    done
}

become_root() {
    ((EUID == 0)) && return
    command -v sudo >/dev/null || fail "needs root or sudo to install: ${missing[*]}
Ask an administrator for them, then run make install again; or go without: make install APT=no"
    if [[ -t 0 ]]; then exec sudo "$self"; else exec sudo -n "$self"; fi
}

apt_get() {
    apt-get -o DPkg::Lock::Timeout=600 "$@"
}

apt_install() {
    apt_get install --yes --no-install-recommends "$@" </dev/null
}

# The guard stops guarding with this process, so that a killed install leaves the machine's services working.
# An upgrade that apt pulls in may still restart a service that was running.
guard_services() {
    if [[ -e $guard ]] && ! grep -qF "$guard_mark" "$guard"; then return; fi
    trap 'rm -f "$guard"' EXIT
    cat >"$guard" <<GUARD
#!/bin/sh
# $guard_mark
kill -0 $$ 2>/dev/null || exit 0
case " \$* " in *" restart "*) exit 0 ;; esac
exit 101
GUARD
    chmod 755 "$guard"
}

all_packages() {
    dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u
}

units_of() {
    dpkg --listfiles "$1" | sed -nE \
        -e 's#^(/usr)?/lib/systemd/system/([^/@]+\.(service|socket|timer|path))$#\2#p' \
        -e 's#^/etc/init\.d/([^/]+)$#\1.service#p' | sort -u
}

# Only for packages that came with this run: a service that the administrator installed is none of our business.
disable_services_of() {
    command -v systemctl >/dev/null || return 0
    local package unit
    for package in "$@"; do
        for unit in $(units_of "$package"); do
            systemctl disable "$unit" || echo "could not disable $unit of $package: look at it before the next boot" >&2
        done
    done
}

command -v apt-get >/dev/null ||
    fail "this is not Debian: install the like of packaging/apt-packages.txt yourself, then run make install APT=no"

missing_text=$(missing_lines)
[[ -n $missing_text ]] || exit 0
mapfile -t missing <<<"$missing_text"
become_root

compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || apt_get update

updated=no
to_install=()
for line in "${missing[@]}"; do
    IFS='|' read -ra names <<<"$line"
    choice=$(choose "${names[@]}")
    if [[ -z $choice && $updated == no ]]; then
        apt_get update
        updated=yes
        choice=$(choose "${names[@]}")
    fi
    case $choice in
        '') fail "this release has no package ${line//|/ or }: is its main section missing from apt's sources?" ;;
        -) echo "this release has no ${names[0]}: the tests that use it are skipped" >&2 ;;
        *) to_install+=("$choice") ;;
    esac
done
((${#to_install[@]})) || exit 0

before=$(all_packages)
guard_services
# Old package lists name files that the mirror no longer has; fresh ones are the cure.
apt_install "${to_install[@]}" || { apt_get update && apt_install "${to_install[@]}"; }
mapfile -t new < <(comm -13 <(echo "$before") <(all_packages))
disable_services_of "${new[@]}"
