#!/bin/sh
# pyperf convert --exclude-runs removes other runs than those named, unless they are named in ascending order: it
# deletes them one by one from the last to the first as they were given, and each deletion renumbers the runs behind
# it. A run that is named twice (2-4,3) takes another one with it. Its help: "Remove specified benchmark runs"; of
# the same list for --include-runs the documentation says only "a list of runs separated by commas". No warning, exit
# status 0. Who drops two outlying runs keeps one of them and loses a good one, and the mean is that of the outlier.
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
echo 'expected: of runs 1 to 8, with outliers in 3 and 6, none that is named and all others'
cat >before <<'E'
3,6: 1 2 4 5 7 8, Mean +- std dev: 1.00 sec +- 0.01 sec
6,3: 1 2 4 5 6 8, Mean +- std dev: 2.50 sec +- 3.67 sec
2-4,3: 1 6 7 8, Mean +- std dev: 3.25 sec +- 4.50 sec
E
venv/bin/python -W ignore - >seen <<'P'
import pyperf, subprocess, sys

VALUES = (0.99, 1.0, 10.0, 1.01, 0.98, 10.0, 1.0, 1.02)


def command(*more):
    return subprocess.run([sys.executable, "-m", "pyperf", *more], capture_output=True, text=True, check=True).stdout


runs = [pyperf.Run([each], metadata={"name": "it", "load_avg_1min": number}, collect_metadata=False)
        for number, each in enumerate(VALUES, 1)]
pyperf.BenchmarkSuite([pyperf.Benchmark(runs)]).dump("all.json")
for number, excluded in enumerate(("3,6", "6,3", "2-4,3")):
    command("convert", "all.json", "--exclude-runs", excluded, "--output", f"{number}.json")
    kept = pyperf.Benchmark.load(f"{number}.json").get_runs()
    names = (str(int(each.get_metadata()["load_avg_1min"])) for each in kept)
    print(f"{excluded}: {' '.join(names)},", command("show", "--quiet", f"{number}.json").strip())
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
