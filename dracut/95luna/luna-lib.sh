#!/bin/sh
# Functions for the agent and for install scripts, which source it as $LUNA_LIB.
#
# The agent exports LUNA_URL, LUNA_NODE, LUNA_INTERFACE, LUNA_MAC, LUNA_LIB and NEWROOT. The session's token is in no
# variable and on no command line: programs read it from /run/luna/session.

# luna_log TEXT...: tells the console and /run/luna/log.
luna_log() {
    read -r luna_uptime _ < /proc/uptime
    echo "luna: $luna_uptime $*" >> /run/luna/log
    echo "luna: $luna_uptime $*" > /dev/console
}

# luna_request PATH: what the controller has there for this session, on standard output. Else it says why not, and
# returns 3 if the session was refused, 4 if the controller said something else, and another status if it said nothing.
luna_request() {
    timeout 60 luna-python -m luna_core.node.request "$LUNA_URL" /run/luna/session "$1"
}

# luna_report PHASE STATUS [EXIT_STATUS [LOG]]: tells the controller; STATUS is started, done or failed. The end of the
# file LOG goes along. An unreachable controller fails no installation, so this always succeeds and waits for nobody: the
# messenger tells it as soon as it can (luna_core/node/messenger.py).
luna_report() {
    luna_log "$1 $2${3:+ with exit status $3}"
    mkdir -p /run/luna/reports /run/luna/status
    echo "$2" > "/run/luna/status/$1"
    [ "$2" != failed ] || echo "$1" > /run/luna/failure-reported
    read -r luna_uptime _ < /proc/uptime
    # Read in the order of their names: behind those of the same hundredth of a second. With the process, for two may
    # report at once.
    luna_entry=/run/luna/reports/$(printf '%012.2f' "$luna_uptime")
    for luna_other in "$luna_entry"*; do [ ! -e "$luna_other" ] || luna_entry=${luna_other%-*}.; done
    luna_entry=$luna_entry-$$
    {
        printf '%s\n' "node=$LUNA_NODE" "phase=$1" "status=$2" "exit_status=${3:-}" "uptime_s=$luna_uptime"
        [ -z "${4:-}" ] || { printf 'log=' && luna_tail "$4"; }
    } > "$luna_entry.new"
    mv "$luna_entry.new" "$luna_entry"
}

# luna_phase PHASE COMMAND...: runs the command as a phase of the installation, its output in /run/luna/PHASE.log, and
# reports when it begins and how it ends. Returns its exit status.
luna_phase() {
    luna_phase=$1
    shift
    luna_report "$luna_phase" started
    rm -f "/run/luna/$luna_phase.note"
    if luna_logged "/run/luna/$luna_phase.log" "$@"; then
        # What a script leaves there goes along.
        set -- "/run/luna/$luna_phase.note"
        [ -e "$1" ] || set --
        luna_report "$luna_phase" "done" "" "$@"
    else
        luna_failed "$luna_phase" "$?" "/run/luna/$luna_phase.log"
    fi
}

# luna_failed PHASE EXIT_STATUS LOG: reports a failure with the end of the log, shows that, and returns the status.
luna_failed() {
    luna_report "$1" failed "$2" "$3"
    luna_tail "$3"
    return "$2"
}

# luna_logged LOG COMMAND...: runs the command without input and keeps the end of its output; returns its exit status.
luna_logged() {
    luna_output=$1
    shift
    rm -f "$luna_output.pipe"
    mkfifo "$luna_output.pipe"
    luna_keep "$luna_output" < "$luna_output.pipe" &
    luna_keeper=$!
    luna_status=0
    "$@" < /dev/null > "$luna_output.pipe" 2>&1 || luna_status=$?
    rm -f "$luna_output.pipe"
    # What the command leaves running may hold the pipe open for ever; all that the command itself said is read by then.
    luna_rounds=0
    while kill -0 "$luna_keeper" 2> /dev/null && [ "$luna_rounds" -lt 50 ]; do
        luna_rounds=$((luna_rounds + 1))
        sleep 0.1
    done
    return "$luna_status"
}

# luna_keep FILE: the last megabytes of standard input, in FILE and what came before it in FILE.old. The files are in
# memory, which a script that talks without end must not fill.
luna_keep() {
    rm -f "$1.old"
    : > "$1"
    while dd bs=512 count=2048 oflag=append conv=notrunc of="$1" 2> "$1.read"; do
        read -r luna_blocks _ < "$1.read"
        [ "$luna_blocks" != 0+0 ] || break
        [ "$(wc -c < "$1")" -lt 1000000 ] || mv "$1" "$1.old"
    done
    rm -f "$1.read"
}

# luna_tail FILE: its last lines, not more than a report may hold.
luna_tail() {
    cat "$1.old" "$1" 2> /dev/null | tail -n 20 | tail -c 8000
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
