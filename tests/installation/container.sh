#!/usr/bin/env bash
# Installs luna in a copy of this machine, and runs a script there under a systemd of its own:
# container.sh REPOSITORY RESULTS SCRIPT
#
# The copy is an overlay that goes with it, and its processes, network, mounts and control groups are its own. luna is
# installed before systemd starts, while there is still a network. SCRIPT, a path in the repository, writes to /results.
set -euo pipefail

stage=$1 repository=$2 results=$3 script=$4
root=$results/root group=$results/cgroup/luna-installation-$$

make_root() {
    local node
    mkdir "$results/layers" "$root" "$results/cgroup"
    mount -t tmpfs layers "$results/layers"
    mkdir "$results"/layers/{upper,work}
    mount -t overlay overlay "$root" -o "lowerdir=/,upperdir=$results/layers/upper,workdir=$results/layers/work"
    rm -rf "$root"/etc/luna "$root"/etc/systemd/system/* "$root"/usr/lib/systemd/system/*.wants
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    for node in dev run tmp var/lib; do mount -t tmpfs "$node" "$root/$node"; done
    mkdir -p "$root"/results "$root"/repository "$root"/dev/pts "$root"/dev/shm
    for node in null zero full random urandom tty; do
        touch "$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    done
    ln -s /proc/self/fd "$root/dev/fd"
    ln -s pts/ptmx "$root/dev/ptmx"
    # An overlay doesn't show what is mounted below its lower directory, as these may be.
    mount --bind "$results" "$root/results"
    mount --bind "$repository" "$root/repository"
}

write_unit() {
    cat >"$root/etc/systemd/system/test.service" <<UNIT
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/repository/$script
ExecStopPost=/bin/systemctl --no-block exit
StandardOutput=append:/results/log
StandardError=append:/results/log
UNIT
    mkdir "$root/etc/systemd/system/service.d"
    # There is no journal.
    printf '[Service]\nStandardOutput=append:/results/log\nStandardError=append:/results/log\n' \
        >"$root/etc/systemd/system/service.d/log.conf"
}

case $stage in
    --outside)
        exec unshare --mount --propagation private "$0" --mounted "${@:2}"
        ;;
    --mounted)
        make_root
        env -u VIRTUAL_ENV -u PYTHONPATH LC_ALL=C HOME=/root chroot "$root" /repository/packaging/install-controller.sh
        write_unit
        mount -t cgroup2 cgroup2 "$results/cgroup"
        mkdir "$group"
        trap 'find "$group" -depth -type d -exec rmdir {} +' EXIT
        # Entered before the namespace is made, whose root it thereby becomes.
        (
            echo "$BASHPID" >"$group/cgroup.procs"
            exec setpriv --pdeathsig KILL \
                unshare --mount --pid --fork --kill-child --net --ipc --uts --cgroup "$0" --alone "${@:2}"
        )
        ;;
    --alone)
        mount -t proc proc "$root/proc"
        mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
        # Units with file systems of their own move the root, which can't be done below a chroot.
        cd "$root"
        pivot_root . .
        umount --lazy .
        exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=luna \
            /lib/systemd/systemd --unit=test.service --log-target=null --show-status=no
        ;;
esac
