#!/bin/sh
# Makes or refreshes the environment .venv: picks a Python, then hands over to bootstrap.py.
#
# Usage: scripts/bootstrap.sh run|dev
# PYTHON, when set, is the only interpreter tried.
set -eu
cd "$(dirname "$0")/.."

# Must run on any Python, however old, to say that it is too old.
probe='
import sys
state = "ready"
if not (3, 11) <= sys.version_info[:2] < (3, 15):
    state = "unsupported"
else:
    try:
        import ensurepip, venv
    except ImportError:
        state = "incomplete"
print("%d.%d.%d %s" % (sys.version_info[:3] + (state,)))
'

# An explicit PYTHON must be the one that .venv has; else any working .venv will do.
level="$1"
if [ -n "${PYTHON:-}" ]; then
    set -- "$PYTHON"
    keep=''
else
    set -- python3 python3.13 python3.12 python3.11 python3.14
    keep='--keep-python'
fi

unsupported=''
incomplete=''
for candidate in "$@"; do
    # A name on the PATH may be a shim that only fails: what counts is that it runs.
    answer=$("$candidate" -I -c "$probe" 2>/dev/null || "$candidate" -c "$probe" 2>/dev/null) || continue
    version=${answer% *}
    case "$answer" in
        *' ready') exec "$candidate" -I scripts/bootstrap.py $keep "$level" ;;
        *' incomplete')
            if [ -z "$incomplete" ]; then
                incomplete="$candidate comes without venv or ensurepip: install them (Debian, Ubuntu: apt install python${version%.*}-venv)"
            fi
            ;;
        *) unsupported="${unsupported:-$candidate is Python $version}" ;;
    esac
done

if [ -n "$incomplete" ]; then
    problem="$incomplete"
else
    problem="Python 3.11 to 3.14 is needed and ${unsupported:-${PYTHON:-python3} does not run}: install one"
fi
echo "dalston: $problem, or name another Python: make PYTHON=/path/to/python3.12 …" >&2
exit 1
