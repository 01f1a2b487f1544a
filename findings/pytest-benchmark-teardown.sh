#!/bin/sh
# pytest-benchmark's pedantic(setup=..., teardown=...) calls setup and never teardown where benchmarks are switched
# off: with --benchmark-disable, and under pytest-xdist, which switches them off by itself. The documentation:
# "A function to call after the last iteration of every round", with no word of that. Who frees memory, closes a
# server or restores a setting there has it left behind for the tests that follow, where tests are run so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pytest==9.2.0 pytest-benchmark==5.3.1 pytest-xdist==3.8.0
venv/bin/python -m pip freeze
echo 'expected: as many calls of teardown as of setup in each line'
cat >before <<'E'
timed: setup 3, call 3, teardown 3
--benchmark-disable: setup 1, call 1, teardown 0
-n 2: setup 1, call 1, teardown 0
E
cat >test_it.py <<'P'
import pathlib


def note(word):
    with pathlib.Path("calls").open("a") as file:
        file.write(word + "\n")


def test_it(benchmark):
    benchmark.pedantic(lambda: note("call"), setup=lambda: note("setup"), teardown=lambda: note("teardown"), rounds=3)
P
venv/bin/python -W ignore - >seen <<'P'
import pathlib, subprocess, sys

calls = pathlib.Path("calls")
for name, more in (("timed", []), ("--benchmark-disable", ["--benchmark-disable"]), ("-n 2", ["-n", "2"])):
    calls.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more, "test_it.py"]
    subprocess.run(command, capture_output=True, check=True)
    words = calls.read_text().split()
    print(f"{name}:", ", ".join(f"{word} {words.count(word)}" for word in ("setup", "call", "teardown")))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
