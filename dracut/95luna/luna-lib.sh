#!/bin/sh
# Functions for the agent and for install scripts, which source it as $LUNA_LIB.
#
# The agent exports LUNA_URL, LUNA_NODE, LUNA_INTERFACE, LUNA_MAC, LUNA_LIB and NEWROOT. The session's token is in no
# variable and on no command line: curl reads it from /run/luna/curl, and other programs from /run/luna/session.

# luna_log TEXT...: tells the console and /run/luna/log.
luna_log() {
    read -r luna_uptime _ < /proc/uptime
    echo "luna: $luna_uptime $*" >> /run/luna/log
    echo "luna: $luna_uptime $*" > /dev/console
}

# luna_request ARGUMENT...: curl with the session's token and the cluster's certificate authority.
luna_request() {
    curl --config /run/luna/curl "$@"
}

# luna_report PHASE STATUS [EXIT_STATUS [LOG]]: tells the controller; STATUS is started, done or failed. The last lines
# of the file LOG go along. An unreachable controller fails no installation, so this always succeeds.
luna_report() {
    read -r luna_uptime _ < /proc/uptime
    luna_log "$1 $2${3:+ with exit status $3}"
    : > /run/luna/last-lines
    [ -z "${4:-}" ] || tail -n 20 "$4" > /run/luna/last-lines
    [ "$2" != failed ] || : > /run/luna/failure-reported
    luna_request --max-time 20 --retry 2 --output /dev/null "$LUNA_URL/boot/status" \
        --data-urlencode "node=$LUNA_NODE" --data-urlencode "phase=$1" --data-urlencode "status=$2" \
        --data-urlencode "exit_status=${3:-}" --data-urlencode "uptime_s=$luna_uptime" \
        --data-urlencode log@/run/luna/last-lines || :
}

# luna_phase PHASE COMMAND...: runs the command as a phase of the installation, its output in /run/luna/PHASE.log, and
# reports when it begins and how it ends. Returns its exit status.
luna_phase() {
    luna_phase=$1
    shift
    luna_report "$luna_phase" started
    if "$@" > "/run/luna/$luna_phase.log" 2>&1; then
        luna_report "$luna_phase" "done"
    else
        set -- $?
        luna_report "$luna_phase" failed "$1" "/run/luna/$luna_phase.log"
        cat /run/luna/last-lines
        return "$1"
    fi
}

# luna_end PATTERN [NAME]: ends every process in whose first environment the extended regular expression is found, or
# in whose name the other, and waits until it is gone. sshd needs the second: it writes its title over its environment.
luna_end() {
    luna_rounds=0
    while luna_found=$(luna_find "$@") && [ "$luna_rounds" -lt 100 ]; do
        luna_signal=TERM
        [ "$luna_rounds" -lt 50 ] || luna_signal=KILL
        for luna_file in $luna_found; do
            luna_file=${luna_file#/proc/}
            kill "-$luna_signal" "${luna_file%%/*}" 2> /dev/null || :
        done
        luna_rounds=$((luna_rounds + 1))
        sleep 0.1
    done
}

luna_find() {
    set -- "$(grep -lsE "$1" /proc/[0-9]*/environ)" "${2:+$(grep -lsE "$2" /proc/[0-9]*/comm)}"
    echo "$1 $2"
    [ -n "$1$2" ]
}
