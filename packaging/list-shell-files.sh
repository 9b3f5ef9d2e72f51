#!/usr/bin/env bash
# Prints every shell file of the repository, NUL-terminated: by its extension, else by its first line.
set -euo pipefail
cd "$(dirname "$0")/.."

is_shell() {
    local first
    # Templates are checked as rendered, by tests.
    [[ -f $1 && $1 != *.j2 ]] || return 1
    [[ $1 == *.sh || $1 == *.bash ]] && return
    IFS= read -r -n 64 first <"$1" 2>/dev/null || true
    [[ $first =~ ^#!.*[/\ ](sh|bash|dash|ash|ksh)( |$) ]]
}

git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    if is_shell "$file"; then printf '%s\0' "$file"; fi
done
