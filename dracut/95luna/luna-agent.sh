#!/bin/sh
# luna in the initramfs: network, clock, ssh, then the install script until it succeeds. Succeeds when $NEWROOT is
# ready to be switched to and no process of luna's is left.

# shellcheck source=/dev/null
. /lib/dracut-lib.sh
# dracut's tracing, which its functions turn on again, would write the session's token into a log.
export RD_DEBUG=no
set +x
for luna_file in lib network rescue; do
    # shellcheck source=/dev/null
    . "/usr/lib/luna/luna-$luna_file.sh"
done

luna_read_arguments() {
    mkdir -p /run/luna
    # Scripts of the site and what they say may hold what no user of the installed system is to read.
    chmod 700 /run/luna
    LUNA_URL=$(getarg luna.url=)
    LUNA_URL=${LUNA_URL%/}
    LUNA_NODE=$(getarg luna.node=)
    LUNA_LIB=/usr/lib/luna/luna-lib.sh
    export LUNA_URL LUNA_NODE LUNA_LIB LUNA_MAC LUNA_INTERFACE NEWROOT
    (umask 077 && printf '%s' "$(getarg luna.session=)" > /run/luna/session)
}

# Tells the controller what luna_report leaves, and that the node lives. Whatever ends it, it begins anew.
luna_messenger() {
    # shellcheck disable=SC2016 # this is for the other shell
    LUNA_AGENT=1 sh -c 'while :; do
        luna-python -m luna_core.node.messenger "$LUNA_URL" /run/luna/session /run/luna/reports
        sleep 1
    done' > /run/luna/messenger.log 2>&1 < /dev/null &
}

# Sets a clock that is more than a minute off.
luna_clock() {
    luna_theirs=$(timeout 20 luna-python -m luna_core.node.clock "$LUNA_URL" 2> /run/luna/clock.log) || return 1
    luna_ours=$(date +%s)
    luna_off_s=$((luna_theirs - luna_ours))
    if [ "${luna_off_s#-}" -gt 60 ]; then
        date -s "@$luna_theirs" > /dev/null
        luna_log "the clock was off by $luna_off_s s"
    fi
}

# The session may be over, and the controller may have another image by now: a boot from the beginning asks for all of
# it. Nobody's rescue session is cut off for that.
luna_boot_again() {
    luna_log "$1: only a new boot can help"
    set -- /dev/pts/[0-9]*
    [ ! -e "$1" ] || return 0
    luna_told 60
    reboot
}

# A controller that refuses the session has forgotten it, which may be the fault of the network for a moment.
luna_refused() {
    luna_log "the controller refuses this boot session"
    luna_refusals=$((luna_refusals + 1))
    [ "$luna_refusals" -lt 3 ] || luna_boot_again "refused $luna_refusals times"
}

luna_fetch() {
    luna_status=0
    luna_request "/boot/install?node=$LUNA_NODE" > /run/luna/answer 2> /run/luna/no-answer || luna_status=$?
    case $luna_status in
        0) luna_refusals=0 && luna_take_script && return ;;
        3) luna_refused ;;
        4) luna_log "the controller has no install script: $(tail -n 1 /run/luna/no-answer)" ;;
        *) luna_log "the controller can't be reached at $LUNA_URL" && tail -n 1 /run/luna/no-answer > /dev/console ;;
    esac
    return 1
}

# Another script than the one that failed gets all the attempts that a new boot would get.
luna_take_script() {
    [ "$(cat /run/luna/install.sh 2> /dev/null)" = "$(cat /run/luna/answer)" ] || rm -f /run/luna/attempts
    mv /run/luna/answer /run/luna/install.sh
}

# Hands kernel and initramfs on to other nodes for as long as the installation takes, where the controller asks for that.
luna_relay() {
    LUNA_AGENT=1 luna-python -m luna_core.node.relay "$LUNA_URL" /run/luna/session > /run/luna/relay.log 2>&1 < /dev/null &
}

# What dracut and the kernel would otherwise stumble over with nobody left to tell.
luna_check_root() {
    ismounted "$NEWROOT" || { echo "the install script mounted nothing at $NEWROOT" && return 1; }
    usable_root "$NEWROOT" || { echo "there is no system in $NEWROOT" && return 1; }
    # The link may be an absolute one, which leads nowhere as seen from here.
    [ -x "$NEWROOT/sbin/init" ] || [ -h "$NEWROOT/sbin/init" ] || { echo "there is no $NEWROOT/sbin/init" && return 1; }
}

# ssh sessions included, with what was started in them.
luna_end_everything() {
    luna_end 'LUNA_AGENT=1|SSH_CONNECTION=' '^sshd'
}

luna_run_script() {
    rm -f /run/luna/failure-reported
    LUNA_AGENT=1 LUNA_ATTEMPT=1 sh /run/luna/install.sh > /run/luna/install.log 2>&1 < /dev/null || return
    luna_check_root >> /run/luna/install.log
}

luna_attempt() {
    [ -n "$luna_clock_is_right" ] || ! luna_clock || luna_clock_is_right=yes
    # What an earlier attempt reported comes before this one.
    luna_told 5
    luna_fetch || return 1
    luna_log "running the install script"
    : > /run/luna/running
    if luna_run_script; then
        rm /run/luna/running
    else
        luna_attempt_failed "$?"
    fi
}

luna_attempt_failed() {
    rm -f /run/luna/running
    luna_log "the install script failed with exit status $1"
    tail -n 20 /run/luna/install.log > /dev/console
    luna_end LUNA_ATTEMPT=1
    # Reports that were not written to their end.
    rm -f /run/luna/reports/*.new
    [ -e /run/luna/failure-reported ] || luna_report install failed "$1" /run/luna/install.log
    umount --recursive --lazy "$NEWROOT" 2> /dev/null
    return 1
}

# Counts attempts that failed in one place. In a file, for a script that kills everything kills the agent too, and
# dracut starts another.
luna_pause() {
    luna_place=$(cat /run/luna/failure-reported 2> /dev/null)
    [ "$luna_place" = "$(cat /run/luna/failed-in 2> /dev/null)" ] || rm -f /run/luna/attempts
    echo "$luna_place" > /run/luna/failed-in
    read -r luna_attempts 2> /dev/null < /run/luna/attempts || luna_attempts=0
    luna_attempts=$((luna_attempts + 1))
    echo "$luna_attempts" > /run/luna/attempts
    luna_most=$(getarg luna.attempts=) || luna_most=12
    [ "$luna_most" = 0 ] || [ "$luna_attempts" -lt "$luna_most" ] ||
        luna_boot_again "$luna_attempts attempts have failed"
    luna_delay_s=300
    [ "$luna_attempts" -gt 6 ] || luna_delay_s=$((5 * (1 << (luna_attempts - 1))))
    luna_log "trying again in $luna_delay_s s"
    sleep "$luna_delay_s"
}

# luna_told SECONDS: waits as long at most until all reports are sent. They would be lost with this initramfs, and luna
# would take the node for one that never arrived; but the system isn't held up for longer than the controller's restart.
luna_told() {
    luna_rounds=$(($1 * 5))
    while [ "$luna_rounds" -gt 0 ] && [ -n "$(ls /run/luna/reports 2> /dev/null)" ]; do
        sleep 0.2
        luna_rounds=$((luna_rounds - 1))
    done
}

luna_refusals=0
luna_clock_is_right=
luna_read_arguments
luna_end_everything
luna_console_shell
until luna_network; do
    sleep 5
done
luna_messenger
luna_sshd
luna_seek_conflict
if getargbool 0 luna.service; then
    luna_log "service mode: nothing is installed; 'luna node change $LUNA_NODE --no-service' and 'reboot' here end it"
    luna_report service started
    until luna_clock; do
        sleep 60
    done
    while :; do sleep 86400; done
fi
if getargbool 0 luna.relay; then
    luna_relay
fi
if [ -e /run/luna/running ]; then
    luna_attempt_failed 137 || luna_pause
fi
until luna_attempt; do
    luna_pause
done
luna_told 60
luna_end_everything
# The logs stay for whoever asks why the node is as it is.
(cd /run/luna && rm -rf phases reports install.sh answer job.json session ssh_host_key*)
luna_log "switching to the installed system"
