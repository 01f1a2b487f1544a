#!/bin/sh
# pytest-benchmark --benchmark-compare-fail passes, with no word of it, where a benchmark is not in the run
# it is compared with: a test that was renamed, or given a parameter, may be ten times slower.
# The documentation: "Fail test if performance regresses according to given EXPR".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pytest==9.2.0 \
    pytest-benchmark==5.3.1
venv/bin/python -m pip freeze
echo 'expected: failure, or a warning that nothing was compared'
cat >before <<'E'
slower: exit status 1
slower and renamed: exit status 0, no word of a benchmark that is not compared
E
venv/bin/python -W ignore - >seen <<'P'
import pathlib, subprocess, sys

def run(name, seconds, *how):
    pathlib.Path("test_it.py").write_text(
        f"import time\ndef test_{name}(benchmark):\n"
        f"    benchmark.pedantic(time.sleep, args=({seconds},), rounds=5)\n")
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *how,
                           "--benchmark-storage=saved", "test_it.py"], capture_output=True, text=True)

run("one", 0.002, "--benchmark-save=first")
gate = ("--benchmark-compare=0001", "--benchmark-compare-fail=mean:5%")
print("slower: exit status", run("one", 0.02, *gate).returncode)
done = run("other", 0.02, *gate)
said = [line for line in (done.stdout + done.stderr).splitlines()
        if "not compared" in line or "missing" in line or "warning" in line.lower()]
word = said[0] if said else "no word of a benchmark that is not compared"
print(f"slower and renamed: exit status {done.returncode}, {word}")
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
