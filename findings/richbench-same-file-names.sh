#!/bin/sh
# richbench takes several folders, and runs of files with one name, bench_it.py in each of two say, only that of the
# first folder, twice: modules are imported by their bare names, and the second import finds the first. The table has
# two rows of the same benchmark. Its readme: "Write your benchmark functions in a directory and run richbench with
# that target", of which there may be several ("target [target ...]"), and files are named "bench_{name}.py". Who
# compares two versions of a folder, before and after, compares one with itself, and the benchmarks of the other have
# not run; no warning, exit status 0.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    richbench==1.0.3
venv/bin/python -m pip freeze
echo 'expected: each benchmark once, as with files of other names'
cat >before <<'E'
one/bench_a.py, two/bench_b.py:
  exit status 0, rows ['benchmark of one/bench_a.py', 'benchmark of two/bench_b.py'], ran ['one/bench_a.py', 'two/bench_b.py']
old/bench_it.py, new/bench_it.py:
  exit status 0, rows ['benchmark of old/bench_it.py', 'benchmark of old/bench_it.py'], ran ['old/bench_it.py']
new/bench_it.py, old/bench_it.py:
  exit status 0, rows ['benchmark of new/bench_it.py', 'benchmark of new/bench_it.py'], ran ['new/bench_it.py']
E
venv/bin/python -W ignore - >seen <<'P'
import pathlib, subprocess, sys

TEXT = """
def slow():
    pathlib.Path("log").open("a").write("{0} ")

import pathlib
__benchmarks__ = [(slow, slow, "benchmark of {0}")]
"""


def rows(*files):
    for each in files:
        path = pathlib.Path(each)
        path.parent.mkdir(exist_ok=True)
        path.write_text(TEXT.format(each))
    pathlib.Path("log").write_text("")
    folders = [str(pathlib.Path(each).parent) for each in files]
    ran = subprocess.run([str(pathlib.Path(sys.executable).parent / "richbench"), "--markdown", "--repeat", "1", "--times", "1",
                          *folders], capture_output=True, text=True)
    shown = [row.split("|")[1].strip() for row in ran.stdout.splitlines() if "benchmark of" in row]
    ran_files = sorted(set(pathlib.Path("log").read_text().split()))
    print(f"{', '.join(files)}:\n  exit status {ran.returncode}, rows {shown}, ran {ran_files}")


rows("one/bench_a.py", "two/bench_b.py")
rows("old/bench_it.py", "new/bench_it.py")
rows("new/bench_it.py", "old/bench_it.py")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
