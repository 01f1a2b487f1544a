#!/bin/sh
# pyperf compare_to compares seconds with bytes: the same benchmark, run once for its time and once with
# --track-memory, is "slower" by the quotient of both, and the exit status is 0.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pyperf==2.10.0
venv/bin/python -m pip freeze
echo 'expected: an error that the units differ'
cat >before <<'E'
Mean +- std dev: [time] 1.00 sec +- 0.01 sec -> [memory] 1000 bytes +- 9 bytes: 1000.00x slower
exit status 0
E
venv/bin/python -W ignore - >seen <<'P'
import pyperf, subprocess, sys

for name, unit, scale in (("time", "second", 1.0), ("memory", "byte", 1000)):
    values = [scale * each for each in (0.99, 1.0, 1.01)]
    about = {"name": "the same", "unit": unit}
    runs = [pyperf.Run(values, metadata=about, collect_metadata=False) for _ in range(2)]
    pyperf.BenchmarkSuite([pyperf.Benchmark(runs)]).dump(f"{name}.json")
done = subprocess.run([sys.executable, "-m", "pyperf", "compare_to", "time.json", "memory.json"],
                      capture_output=True, text=True)
print(done.stdout.strip())
print("exit status", done.returncode)
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
