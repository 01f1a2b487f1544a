#!/bin/sh
# pyperf compare_to takes every difference for significant where one file has more values than the other, by one run
# say: its t-test is written for as many in both, raises otherwise, and the error counts as "significant". With
# --table or --group-by-speed there is no word of it. The documentation: "pyperf determines whether two samples differ
# significantly using a Student's two-sample, two-tailed t-test", which any two numbers of values have.
# Who compares a run with --fast to one without, or drops an outlying run, reads noise as "slower" and "faster".
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    pyperf==2.11.0
venv/bin/python -m pip freeze
echo 'expected: not significant in each line, as t is about 0.2 and some 2.1 is needed'
cat >before <<'E'
12 and 12 values, --table: Benchmark hidden because not significant (1): noise
12 and 12 values, --group-by-speed: Benchmark hidden because not significant (1): noise
12 and 15 values, --table: | noise | 1.00 sec | 1.01 sec: 1.01x slower |
12 and 15 values, --group-by-speed: Slower (1): - noise: 1.00 sec +- 0.08 sec -> 1.01 sec +- 0.08 sec: 1.01x slower
E
venv/bin/python -W ignore - >seen <<'P'
import pyperf, subprocess, sys

RUN = (0.91, 1.0, 1.09)


def write(name, count, scale):
    runs = [pyperf.Run([scale * each for each in RUN], metadata={"name": "noise"}, collect_metadata=False)
            for _ in range(count)]
    pyperf.BenchmarkSuite([pyperf.Benchmark(runs)]).dump(name)


write("old.json", 4, 1.0)
for count in (4, 5):
    write(f"new{count}.json", count, 1.006)
    for how in ("--table", "--group-by-speed"):
        done = subprocess.run([sys.executable, "-m", "pyperf", "compare_to", "old.json", f"new{count}.json", how],
                              capture_output=True, text=True, check=True)
        lines = [" ".join(line.split()) for line in (done.stdout + done.stderr).splitlines()
                 if line.strip() and not line.startswith(("+", "| Benchmark"))]
        print(f"12 and {3 * count} values, {how}:", *lines)
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
