#!/usr/bin/env bash
# The tests that the arguments choose for pytest; without any all of them, in two halves at once: those that boot
# machines, of which each is emulated by one processor, and the others, which wait for daemons and disks.
set -euo pipefail
cd "$(dirname "$0")/.."

pytest=.venv/bin/pytest
if (($# > 0)); then
    exec "$pytest" "$@"
fi

booting=(plugins/lab plugins/distro_rhel/tests/test_boot.py tests/boot_chain tests/disks)
log=$(mktemp)
# A process group of its own, or it would be deaf to Ctrl-C.
set -m
"$pytest" -p no:cacheprovider "${booting[@]}" > "$log" 2>&1 &
set +m
trap 'kill -INT $! 2> /dev/null || :; wait $! || :; rm -f "$log"' EXIT

status=0
"$pytest" "${booting[@]/#/--deselect=}" || status=$?
echo "== ${booting[*]}"
wait $! || status=$?
cat "$log"
exit "$status"
