#!/bin/sh
# The ways in for a person while there is no system yet: ssh, and a shell on the second console. The agent sources it.

luna_console_shell() {
    [ -c /dev/tty2 ] || return 0
    # A session of its own, so that the console becomes its terminal and Ctrl-C reaches it and nothing else.
    LUNA_AGENT=1 setsid sh -c 'exec < /dev/tty2 > /dev/tty2 2>&1; while :; do sh; sleep 1; done' &
}

# Host keys are made at every boot: the initramfs is served to whoever asks.
luna_sshd() {
    [ -s /root/.ssh/authorized_keys ] || { luna_log "no ssh: the initramfs has no authorized_keys" && return; }
    luna_daemon=$(command -v sshd) || { luna_log "no ssh: the image has no sshd" && return; }
    # Where sshd's unprivileged half lives: Debian, RHEL 8, RHEL 9 and later.
    mkdir -p /run/sshd /var/empty/sshd /usr/share/empty.sshd
    # Asked to replace a key, ssh-keygen would wait for an answer.
    rm -f /run/luna/ssh_host_key
    for luna_type in ed25519 ecdsa; do
        # FIPS mode refuses the first.
        ssh-keygen -q -t "$luna_type" -N '' -f /run/luna/ssh_host_key && break
    done
    LUNA_AGENT=1 "$luna_daemon" -f /usr/lib/luna/sshd_config && luna_log "ssh is up"
}
