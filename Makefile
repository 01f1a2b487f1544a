# Two commands are enough: `make compare` and `make test`. Each sets up what it needs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# test processes; each also uses BLAS and numba threads
JOBS ?= 2

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# images set it, and every test process would compile all tests again
unexport PYTHONDONTWRITEBYTECODE

SOURCES := $(shell find kernels -type f -not -path '*/__pycache__/*')
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: help compare test test-long soak kills tune choice-regret choice-agreement choice-dispatch choice-first choice-series choice-policies choice-estimate choice-contexts bench-ci bench-expressions gate gate-study history history-quick history-newest publish test-peers test-dask fuzz peers report report-test einsum-race bench-dask dask-kills bounds-memory bounds-beside isolation-cost lint docs format check machine picture clean clone sound

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

compare: $(VENV)/.installed  ## check and time every kernel on MNIST batches (ARGS="--operation softmax")
	@$(BIN)/einbench compare $(ARGS)

check: $(VENV)/.installed  ## check every kernel, time nothing
	@$(BIN)/einbench check $(ARGS)

machine: $(VENV)/.installed  ## what a number from this machine was taken with
	@$(BIN)/einbench machine $(ARGS)

test: $(VENV)/.test  ## the tests, but for long ones and those against PyTorch and JAX (ARGS="-k softmax")
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not long" $(ARGS)

test-long: $(VENV)/.test  ## more seeds, mutants, whole trainings, asv's environments (ARGS="-k mutants")
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m long $(ARGS)

# a run of half an hour, and 100,000 signatures (SECONDS=60 SIGNATURES=1000)
SECONDS ?= 1800
SIGNATURES ?= 100000

soak: $(VENV)/.test  ## comparisons, choices, expressions and trainings at once: is memory flat, nothing leaked, nothing wrong?
	$(BIN)/python tests/soak/soak.py $(SECONDS)
	$(BIN)/python tests/soak/signatures.py $(SIGNATURES)

N ?= 200
kills: $(VENV)/.test  ## kill -9 at N random moments of compare, tune, train, gate and einsum, then --resume (N=10)
	@$(BIN)/python tests/kills -n $(N) $(ARGS)

bench-ci: $(VENV)/.bench  ## every kernel on pytest-benchmark's clock, under 5 minutes (ARGS="-k softmax")
	@mkdir -p results
	$(BIN)/python -m pytest benchmarks/ci --benchmark-json=results/bench-ci.json $(ARGS)

bench-expressions: $(VENV)/.bench  ## thirty einsum expressions on pytest-benchmark's clock, about 10 minutes (ARGS="-k chain")
	@mkdir -p results
	$(BIN)/python -m pytest benchmarks/ci/expressions.py --benchmark-json=results/bench-expressions.json $(ARGS)

# what `make gate` compares: the commit before is the default
BASE ?= HEAD^
HEAD ?= HEAD

gate: $(VENV)/.installed  ## is HEAD slower than BASE, beyond noise? about 4 minutes (BASE=main)
	@$(BIN)/einbench gate "$(BASE)" "$(HEAD)" $(ARGS)

gate-study: $(if $(findstring --summary,$(ARGS)),,clone) $(VENV)/.installed  ## how often the gate is right: 42 gates, about 90 minutes
	@cd benchmarks && ../$(BIN)/python -m gate.study ../results/gate-study.json $(ARGS)

# run in benchmarks/, with the suite that is installed and a memory of their own
CHOICE = export EINBENCH_WISDOM="$(CURDIR)/.choice/wisdom"; cd benchmarks && ../$(BIN)/python -m

tune: $(VENV)/.installed  ## measure and remember which kernels are fastest, ahead of use (ARGS="softmax --batch 32,100")
	@$(BIN)/einbench tune $(ARGS)

choice-regret: $(VENV)/.installed  ## what a choice costs at sizes never measured: 120 of them, 15 minutes
	@EINBENCH_WISDOM="$(CURDIR)/.choice/wisdom" $(BIN)/einbench tune
	@$(CHOICE) choice.regret ../results/choice-regret.json $(ARGS)

choice-agreement: $(VENV)/.installed  ## how often two independent tunes agree, 5 minutes
	@$(CHOICE) choice.agreement ../results/choice-agreement.json $(ARGS)

choice-dispatch: $(VENV)/.installed  ## what a call through einbench.auto costs, and the first answer
	@$(CHOICE) choice.dispatch ../results/choice-dispatch.json $(ARGS)

choice-first: $(VENV)/.installed  ## what the first answer ever takes, with nothing compiled, and in the next process, 2 minutes (ARGS="--batch 128,60000 --compiled")
	@$(CHOICE) choice.first_answer ../results/choice-first.json $(ARGS)

choice-series: $(VENV)/.installed  ## what choosing costs over 200 random batch sizes, and at fixed ones (ARGS="--seed 3")
	@$(CHOICE) choice.series ../results/choice-series.json $(ARGS)

choice-policies: $(VENV)/.installed  ## einbench.auto against always the same method, at every batch, 10 minutes
	@EINBENCH_WISDOM="$(CURDIR)/.choice/wisdom" $(BIN)/einbench tune
	@$(CHOICE) choice.policies ../results/choice-policies.json $(ARGS)

choice-estimate: $(VENV)/.installed  ## what a guess from remembered timings costs at 60 sizes never measured, 10 minutes
	@EINBENCH_WISDOM="$(CURDIR)/.choice/estimate" $(BIN)/einbench tune --batch 1,16,256,4096
	@$(subst /wisdom,/estimate,$(CHOICE)) choice.estimate_regret ../results/choice-estimate.json $(ARGS)

choice-contexts: $(VENV)/.installed  ## choices called alone, after BLAS and after a pause, beside the best there, 10 minutes
	@$(CHOICE) choice.contexts ../results/choice-contexts.json $(ARGS)

# commits that `make history` measures, as git rev-list takes them
RANGE ?= HEAD~3..HEAD
# asv's environment with the pinned versions; determined when a target runs, not before
PINNED = $(BIN)/python benchmarks/environments.py pinned

# what a target needs of git, said before anything is installed or measured
history-quick: NEEDED = HEAD~2
history: NEEDED = $(RANGE)
history-newest publish: NEEDED = HEAD
gate-study: NEEDED = $$(sed -n 's/^ "commit": "\(.*\)",/\1/p' results/gate-study.json)

clone:
	@command -v git > /dev/null || \
		{ echo "git is missing, and make $(MAKECMDGOALS) measures commits: install git"; exit 2; }
	@said=$$(git rev-parse --show-prefix 2>&1) && test -z "$$said" || { case "$$said" in \
		*dubious*) echo "git does not trust this folder, which another user owns; if you do:" \
			"git config --global --add safe.directory '$(CURDIR)'";; \
		*) echo "this is no git clone, and make $(MAKECMDGOALS) measures commits: run it in one";; \
		esac; exit 2; }
	@git rev-list --count $(NEEDED) > /dev/null 2>&1 || { \
		if test "$$(git rev-parse --is-shallow-repository)" = true; \
		then echo "$(NEEDED): not in this clone, which is shallow: git fetch --unshallow"; \
		else echo "$(NEEDED): not in this clone; make history RANGE=A..B takes others"; fi; exit 2; }

history-quick: clone $(VENV)/.bench $(VENV)/.asv-machine  ## asv: the last two commits, few cells (3 minutes each), and what changed
	EINBENCH_PROFILE=quick $(BIN)/asv run --environment "$$($(PINNED))" --skip-existing-successful 'HEAD~2..HEAD' $(ARGS)
	@echo; echo "Commits only are measured, not what lies uncommitted beside them. What changed:"
	@$(BIN)/asv compare --only-changed 'HEAD^' HEAD
	@echo "Next: .venv/bin/asv show HEAD, make history RANGE=A..B, make history-newest, make publish"

history: clone $(VENV)/.bench $(VENV)/.asv-machine  ## asv: the last 3 commits, up to 30 minutes each (RANGE=A..B)
	EINBENCH_PROFILE=regular $(BIN)/asv run --environment "$$($(PINNED))" --skip-existing-successful '$(RANGE)' $(ARGS)
	@echo "Next: .venv/bin/asv compare A B, .venv/bin/asv show A, make publish"

history-newest: clone $(VENV)/.bench $(VENV)/.asv-machine  ## asv: is anything faster with the newest NumPy and numba? (ARGS="--bench einsum")
	@$(BIN)/python benchmarks/environments.py refresh
	$(BIN)/asv run 'HEAD^!' $(ARGS)
	@$(BIN)/python benchmarks/environments.py compare HEAD

publish: clone $(VENV)/.bench  ## asv: pages of all results in .asv/html (their scripts come from public CDNs)
	EINBENCH_PROFILE=thorough $(BIN)/asv run --bench just-discover 'HEAD^!'
	$(BIN)/asv publish
	@echo "Next: .venv/bin/asv preview"

test-peers: $(VENV)/.peers  ## every forward and gradient against PyTorch's and JAX's autograd; einsum libraries; oneMKL's kernels
	EINBENCH_REQUIRE_PEERS=1 $(BIN)/python -m pytest tests/peers tests/jit/gemm/test_mkl.py -n $(JOBS) --dist worksteal $(ARGS)

test-dask: $(VENV)/.dask  ## dask arrays and clusters, on real schedulers and workers, 2 minutes
	$(BIN)/python -m pytest tests/cluster tests/test_documents.py -n $(JOBS) --dist loadfile -m "not long" $(ARGS)

# all of them where none is named
FORMAT ?=

fuzz: SECONDS := $(if $(filter file,$(origin SECONDS)),600,$(SECONDS))
fuzz: $(VENV)/.fuzz  ## readers of files from strangers, by atheris: SECONDS for each of eight formats (SECONDS=10 FORMAT=idx)
	@$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS) $(FORMAT)

# what compilers keep between runs
KEPT = export TORCHINDUCTOR_CACHE_DIR="$(CURDIR)/.peers/torchinductor" JAX_COMPILATION_CACHE_DIR="$(CURDIR)/.peers/jax"

peers: $(VENV)/.peers  ## every operation beside other libraries (ARGS="--operation mlp_sgd_step --batch 32")
	@$(KEPT); $(CHOICE) peers.board ../results/peers.json $(ARGS)

einsum-race: $(VENV)/.peers  ## einbench.einsum beside every einsum library, twice thirty expressions: 10 minutes (ARGS="--dtype float64")
	@$(BIN)/python benchmarks/einsum/race.py --json results/einsum-race.json $(ARGS)

# `make bench-dask`; a file of 784 bytes a row and another of 512 go to TO, a temporary folder
ROWS ?= 2000000
TO ?=

bench-dask: $(VENV)/.dask  ## operations on dask arrays beside dask.array and a loop, 20 minutes, 2.6 GB of disk (ROWS=200000 TO=folder)
	@$(BIN)/python benchmarks/cluster/ratios.py --rows $(ROWS) $(if $(TO),--to "$(TO)") --json results/dask-ratios.json $(ARGS)

dask-kills: N := $(if $(filter file,$(origin N)),20,$(N))
dask-kills: $(VENV)/.dask  ## kill -9 of a worker at N random moments: the same bits? (N=5)
	@$(BIN)/python benchmarks/cluster/kills.py -n $(N) $(ARGS)

bounds-memory: $(VENV)/.installed  ## extra memory of whole-network kernels at 60,000 and a million rows, 5 minutes
	@$(CHOICE) bounds.memory ../results/bounds-memory.json $(ARGS)

bounds-beside: $(VENV)/.installed  ## a BLAS call after a parallel kernel takes its usual time, 1 minute
	@$(CHOICE) bounds.beside ../results/bounds-beside.json $(ARGS)

isolation-cost: $(VENV)/.installed  ## what a process of its own costs a kernel, of its times and in seconds, 2 minutes
	@cd benchmarks && ../$(BIN)/python isolation.py $(ARGS)

lint: $(VENV)/.lint $(VENV)/.bench  ## formatter, linter and type check, changing nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	@mkdir -p build/named && ln -sfn ../../kernels build/named/einbench
	$(BIN)/mypy
	cd benchmarks && MYPYPATH=.. ../$(BIN)/mypy --config-file ../pyproject.toml --explicit-package-bases .

docs: $(VENV)/.docs  ## the API reference, from the docstrings, in build/docs
	$(BIN)/python docs/reference.py build/docs
	@echo "open build/docs/index.html"

format: $(VENV)/.lint  ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

picture: $(VENV)/.report  ## draw the README's chart anew, from what is saved
	$(BIN)/einbench report results/readme-table.json --chart time:softmax_jacobian --to results/readme-chart.svg

# everything on it is saved under results/, and no time is taken
report: $(VENV)/.report  ## the page of the reference machine, results/report.html (ARGS="--out page.html")
	$(BIN)/einbench report results/reference results/readme-table.json results/einsum-race-float32.json \
		results/einsum-race-float64.json results/einsum-race-more-float32.json \
		results/einsum-race-more-float64.json results/dialects.json \
		--title "einbench on the reference machine" --out results/report.html $(ARGS)

report-test: $(VENV)/.browser  ## pages opened in headless Chromium, skipped where there is none, 3 minutes
	EINBENCH_BROWSER=1 $(BIN)/python -m pytest tests/page/test_browser.py $(ARGS)

clean:  ## remove everything made here but results
	rm -rf $(VENV) .gate .choice .peers .asv .benchmarks build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# the scripts in it start the Python of the folder that they were made in, wherever they are now
sound:
	@if test -L $(BIN)/python || test -e $(BIN)/python; then $(BIN)/python -S -c "" 2> /dev/null || \
		{ echo "the Python of $(VENV) is gone or cannot run: rm -rf $(VENV), and make again"; exit 2; }; fi
	@if test -f $(BIN)/pip; then \
		made=$$(sed -n '1,2s|^[^/]*\(/.*\)/python.*|\1|p' $(BIN)/pip | tail -n 1); \
		test -z "$$made" || test "$$made" -ef $(BIN) || { echo "$(VENV) was made as" \
			"$${made%/bin} and works only there: rm -rf $(VENV), and make again"; exit 2; }; fi

$(BIN)/python: | sound
	@new=$$($(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11))' 2> /dev/null) || \
		{ echo "$(PYTHON) is missing or cannot run; name another: make PYTHON=python3.11"; exit 2; }; \
	test "$$new" = True || \
		{ echo "einbench needs Python 3.11 or newer; try: make PYTHON=python3.11"; exit 2; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt $(SOURCES)
	@rm -rf build/lib  # setuptools would install from it what is there no more
	@$(INSTALL) .
	@touch $@

$(VENV)/.test: $(VENV)/.installed
	@$(INSTALL) '.[test]'
	@touch $@

$(VENV)/.report: $(VENV)/.installed
	@$(INSTALL) '.[report]'
	@touch $@

# of axe's package the script alone: what it needs beside it is a driver of other browsers
$(VENV)/.browser: $(VENV)/.test
	@$(INSTALL) '.[browser]'
	@$(INSTALL) --no-deps axe-playwright-python
	@touch $@

$(VENV)/.bench: $(VENV)/.installed
	@$(INSTALL) '.[bench]'
	@touch $@

# asv asks about the machine once, in the home folder; --yes answers
$(VENV)/.asv-machine: $(VENV)/.bench
	@test -f "$$HOME/.asv-machine.json" || $(BIN)/asv machine --yes
	@touch $@

$(VENV)/.lint: $(BIN)/python pyproject.toml constraints.txt
	@$(INSTALL) '.[lint]'
	@touch $@

$(VENV)/.peers: $(VENV)/.test
	@$(INSTALL) '.[mkl,peers,einsum-libraries]'
	@touch $@

$(VENV)/.dask: $(VENV)/.test
	@$(INSTALL) '.[dask]'
	@touch $@

$(VENV)/.fuzz: $(VENV)/.installed
	@$(INSTALL) '.[fuzz]'
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	@$(INSTALL) '.[docs]'
	@touch $@
