#!/bin/sh
# asv compare and asv continuous call a tracked value below 0 that has not changed at all an improvement: they ask
# whether new < old / factor, and -10 < -10 / 1.1. One that gets worse within the factor is an improvement too,
# where 10 and 10.5 are the same. The documentation: asv tracks "any arbitrary numerical value", and --factor is
# "the factor above or below which a result is considered problematic". Who tracks an energy or a level in dB
# reads "improved", of asv continuous "PERFORMANCE INCREASED", for commits that changed nothing or made it worse.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
cd "$folder"
unset PYTHONPATH
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
    asv==0.6.6 asv_runner==0.3.2
venv/bin/python -m pip freeze
echo 'expected: below 0 as above it, the same unless the change is beyond the factor'
cat >before <<'E'
factor 1.1: 10.0 -> 10.0 the same
factor 1.1: 10.0 -> 10.5 the same
factor 1.1: 10.0 -> 12.0 worse
factor 1.1: -10.0 -> -10.0 improved
factor 1.1: -10.0 -> -9.5 improved
factor 1.1: -10.0 -> -8.0 worse
factor 2.0: 10.0 -> 10.0 the same
factor 2.0: 10.0 -> 10.5 the same
factor 2.0: 10.0 -> 12.0 the same
factor 2.0: -10.0 -> -10.0 improved
factor 2.0: -10.0 -> -9.5 improved
factor 2.0: -10.0 -> -8.0 improved
E
venv/bin/python -W ignore - >seen <<'P'
import json, os, pathlib, subprocess, sys

os.environ.update(HOME=os.getcwd(), GIT_CONFIG_GLOBAL=os.devnull, GIT_CEILING_DIRECTORIES=os.path.dirname(os.getcwd()))
CASES = ((10.0, 10.0), (10.0, 10.5), (10.0, 12.0), (-10.0, -10.0), (-10.0, -9.5), (-10.0, -8.0))


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


def asv(*more):
    return run(sys.executable, "-m", "asv", *more)


git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
run(*git, "init", "--quiet")
run(*git, "checkout", "--quiet", "-b", "main")
hashes = []
for name in ("old", "new"):
    run(*git, "commit", "--quiet", "--allow-empty", "--message", name)
    hashes.append(run(*git, "rev-parse", "HEAD").strip())
pathlib.Path("asv.conf.json").write_text(json.dumps(
    {"version": 1, "project": "p", "repo": ".", "branches": ["main"], "environment_type": "existing"}))
benchmarks = pathlib.Path("benchmarks")
benchmarks.mkdir()
(benchmarks / "__init__.py").touch()
(benchmarks / "it.py").write_text(
    "import json, pathlib\n"
    "def track_loss(case):\n"
    "    return json.loads(pathlib.Path(__file__).with_name('values').read_text())[case]\n"
    f"track_loss.params = list(range({len(CASES)}))\n")
asv("machine", "--yes")
for values, commit in zip(zip(*CASES), hashes):
    (benchmarks / "values").write_text(json.dumps(values))
    asv("run", "--environment", f"existing:{sys.executable}", "--set-commit-hash", commit)
sections = {"Benchmarks that have improved:": "improved", "Benchmarks that have stayed the same:": "the same",
            "Benchmarks that have got worse:": "worse"}
for factor in ("1.1", "2.0"):
    said, section = {}, None
    for line in asv("compare", "--split", "--factor", factor, *hashes).splitlines():
        section = sections.get(line.strip(), section)
        if "track_loss(" in line:
            said[int(line.split("track_loss(")[1].split(")")[0])] = section
    for number, (old, new) in enumerate(CASES):
        print(f"factor {factor}: {old} -> {new}", said.get(number))
P
echo 'seen:' && cat seen
diff before seen || {
    echo 'this has changed (< before, > now)'
    exit 1
}
