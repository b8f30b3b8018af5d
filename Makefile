# Everything people type. Programs also work without make: python -m pipelines.train --help

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check

MODEL ?= aw_moe
DATA ?= data/demo
OUT ?= runs/$(MODEL)
SOURCE ?= simulator
SPEC ?= $(if $(filter simulator,$(SOURCE)),feature_specs/demo.yaml,feature_specs/$(SOURCE).yaml)
INPUT ?=
PAPER ?= aw_moe
RESULTS := $(if $(filter file,$(origin OUT)),results/$(PAPER)-$(notdir $(DATA)),$(OUT))
ARGS ?=
TEST_PROCESSES ?= $(shell getconf _NPROCESSORS_ONLN)
LINE_LENGTH := 100
# ruff does not read setup.cfg, so its rules stand here. D107: __init__ is documented in its class;
# D102: a method that overrides Keras's inherits the documentation.
RUFF_RULES := E,F,I,B,UP,S101,D100,D101,D103,D104,D419,T20,RUF100,C4,PIE
RUFF := $(VENV)/bin/ruff
CODE := ranking pipelines tools tests setup.py

.PHONY: help train prepare settings evaluate compare reproduce export serve bench bench-serving smoke test test-beam lint format clean

help: ## Show this help.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | \
		while IFS='|' read -r target text; do printf '%-20s %s\n' "$$target" "$$text"; done
	@printf '\nVariables: MODEL DATA OUT SOURCE SPEC INPUT RUN RUNS PAPER BATCHING ARGS (extra flags of the program).\n'

$(VENV)/.installed: setup.cfg setup.py
	@echo "Installing into $(VENV) ..."
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-tfrs: $(VENV)/.installed
	@echo "Installing tensorflow-recommenders ..."
	@$(PIP) --editable '.[tfrs]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests need ..."
	@$(PIP) --editable '.[dev]'
	@touch $@

# The demo's data are simulated when they are not there, older than their spec or in another format.
RECORD_FORMAT = $(shell sed -n 's/^RECORD_FORMAT = //p' ranking/features/manifest.py)
SIMULATE_DEMO = if [ '$(DATA)' = data/demo ] && { [ ! -f data/demo/manifest.json ] || \
			[ feature_specs/demo.yaml -nt data/demo/manifest.json ] || \
			! grep -q '"record_format": $(RECORD_FORMAT)\b' data/demo/manifest.json; }; then \
		$(PY) -m pipelines.prepare --source=simulator --spec=feature_specs/demo.yaml \
			--data=data/demo --overwrite || exit 1; \
	fi

# Yardsticks (gbdt, tfrs_dcn, tfrs_dlrm) have programs of their own.
TRAINER := $(if $(filter gbdt,$(MODEL)),tools.gbdt_baseline,\
	$(if $(filter tfrs_%,$(MODEL)),tools.tfrs_baseline,pipelines.train) --model=$(MODEL))

train: $(VENV)/.installed$(if $(filter tfrs_%,$(MODEL)),-tfrs) ## Train, evaluate and export MODEL on DATA into OUT.
	@start=$$(date +%s); \
	$(SIMULATE_DEMO); \
	$(PY) -m $(TRAINER) --data=$(DATA) --out=$(OUT) $(ARGS) || exit 1; \
	echo "   total: $$(( $$(date +%s) - start )) s after the install"

prepare: $(VENV)/.installed ## Turn the files of SOURCE at INPUT into records in DATA.
	@$(PY) -m pipelines.prepare --source=$(SOURCE) --spec=$(SPEC) --input='$(INPUT)' --data=$(DATA) $(ARGS)

settings: $(VENV)/.installed ## List the models, or what --set takes for MODEL=...
	@$(PY) -m pipelines.settings $(if $(filter file,$(origin MODEL)),,--model=$(MODEL)) $(ARGS)

evaluate: $(VENV)/.installed ## Evaluate the run folder RUN.
	@$(PY) -m pipelines.evaluate --run=$(RUN) $(ARGS)

compare: $(VENV)/.installed ## Compare the run folders RUNS session by session, with significance.
	@$(PY) -m pipelines.compare --runs='$(RUNS)' $(ARGS)

reproduce: $(VENV)/.installed$(if $(filter aw_moe,$(PAPER)),-tfrs) ## Train what PAPER compares on DATA into OUT, and report on it.
	@$(SIMULATE_DEMO)
	@$(PY) -m pipelines.reproduce --paper=$(PAPER) --data=$(DATA) --out=$(RESULTS) $(ARGS)

export: $(VENV)/.installed ## Export the run folder RUN as a SavedModel.
	@$(PY) -m pipelines.export --run=$(RUN) $(ARGS)

serve: ## Serve the exports of RUN by TensorFlow Serving in Docker.
	@test -n '$(RUN)' -a -d '$(RUN)/export' || { echo "error: RUN must name a run folder with an" \
		"export in it. Received: '$(RUN)'. Export it first: make export RUN=$(RUN)" >&2; exit 1; }
	@docker compose version > /dev/null 2>&1 || { echo "error: make serve needs Docker with its compose" \
		"plugin, which is not here. Install them (https://docs.docker.com/get-docker), or ask the" \
		"export without a server, as tools/serving/README.md shows." >&2; exit 1; }
	@EXPORT='$(abspath $(RUN))/export' docker compose --file tools/serving/compose.yaml \
		$(if $(BATCHING),--file tools/serving/batching.yaml) up $(ARGS)

bench-serving: $(VENV)/.installed ## Measure how long exports take to answer.
	@$(SIMULATE_DEMO)
	@$(PY) -m tools.bench_serving --data=$(DATA) --out=$(if $(filter file,$(origin OUT)),build/bench_serving,$(OUT)) $(ARGS)

bench: $(VENV)/.installed ## Measure training, and what feeds it, as ratios within one run.
	@$(PY) -m tools.bench_training --out=$(if $(filter file,$(origin OUT)),build/bench_training,$(OUT)) $(ARGS)

smoke: $(VENV)/.installed ## The whole way on tiny data with two logical CPU devices.
	@rm -rf build/smoke
	@$(PY) -m pipelines.prepare --source=simulator --spec=feature_specs/demo.yaml --data=build/smoke/data \
		--option train_sessions=600 --option validation_sessions=100 --option test_sessions=200
	@$(PY) -m pipelines.train --model=$(MODEL) --data=build/smoke/data --out=build/smoke/run \
		--devices=2 --max_steps=20 $(ARGS)

# Tests of a file stay together: what they share is made once.
test: $(VENV)/.installed-dev ## Run all tests, doctests included, in as many processes as there are cores.
	@$(PY) -m pytest tests ranking pipelines tools --doctest-modules --doctest-ignore-import-errors --numprocesses=$(TEST_PROCESSES) --dist=loadfile $(ARGS)

test-beam: ## Run the tests of preparation on Apache Beam, in an environment of its own.
	@test -x $(VENV)-beam/bin/python || $(PYTHON) -m venv $(VENV)-beam
	@$(VENV)-beam/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[beam]' 'pytest>=8.3'
	@$(VENV)-beam/bin/python -m pytest tests/pipelines/test_beam_passes.py $(ARGS)

lint: $(VENV)/.installed-dev ## Check style and types.
	@$(RUFF) check --target-version py310 --line-length $(LINE_LENGTH) --select $(RUFF_RULES) \
		--config 'lint.per-file-ignores = {"tests/**" = ["S101", "D"], "pipelines/**" = ["T20"], "tools/**" = ["T20"]}' $(CODE)
	@$(RUFF) format --line-length $(LINE_LENGTH) --check $(CODE)
	@$(PY) -m mypy

format: $(VENV)/.installed-dev ## Format the code.
	@$(RUFF) check --line-length $(LINE_LENGTH) --select I,UP,C4 --fix --quiet $(CODE)
	@$(RUFF) format --line-length $(LINE_LENGTH) $(CODE)

clean: ## Remove the environment and what was built; data and runs stay.
	rm -rf $(VENV) $(VENV)-beam build .mypy_cache .pytest_cache .ruff_cache *.egg-info
