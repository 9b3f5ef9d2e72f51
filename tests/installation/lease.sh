#!/bin/sh
# What udhcpc runs: tells the lease it got.
[ "$1" != bound ] || echo "${ip:?} ${hostname:?}"
