# Sourced by every script here: `install PACKAGE...`, then `seen EXPECTED_OUTPUT < program`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH

install() {
    "${PYTHON:-python3}" -m venv venv
    venv/bin/python -m pip install --quiet --disable-pip-version-check "$@" 2>pip.log || {
        cat pip.log >&2
        exit 2
    }
    for package in "$@"; do
        name=$(printf %s "$package" | sed 's/[=;].*//')
        venv/bin/python -c "from importlib.metadata import version as v; print('$name', v('$name'))" 2>/dev/null || true
    done | sort -u
}

# The program on standard input prints what it sees; it is compared with what was seen before.
seen() {
    venv/bin/python -W ignore - >output
    echo 'seen:' && cat output
    printf '%s\n' "$1" | diff - output >changed || {
        echo 'this has changed (< before, > now):' && cat changed
        exit 1
    }
}

NUMPY24='numpy==2.4.6; python_version < "3.12"'
NUMPY25='numpy==2.5.5; python_version >= "3.12"'
