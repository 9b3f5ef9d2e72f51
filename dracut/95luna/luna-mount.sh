#!/bin/sh
# dracut's mount hook, sourced: returns when $NEWROOT is filled. The agent is a process of its own, so that nothing in
# it can end dracut's shell, which may be process 1.

if [ "${root:-}" = luna ]; then
    until sh /usr/lib/luna/luna-agent.sh; do
        sleep 5
    done
fi
