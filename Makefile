# The verbs of this repository. Everything runs in .venv, which each verb sets up by itself.
.PHONY: setup demo run test check bench bench-detection soak lock

CONFIG ?= thermowell.yaml

setup:        ## .venv with the service, ready as .venv/bin/thermowell
	@sh setup.sh run

demo: setup   ## a simulated plant, collected, judged and shown: open the printed URL
	@.venv/bin/thermowell demo $(ARGS)

run: setup    ## the service: make run CONFIG=thermowell.yaml
	@.venv/bin/thermowell run --config "$(CONFIG)"

test:         ## all tests
	@sh setup.sh dev
	@PYTHONDONTWRITEBYTECODE= .venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check:        ## style, types, layers, spelling, dependencies
	@sh setup.sh dev
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/codespell
	@.venv/bin/deptry .

bench:        ## figures against peers: a table, and build/bench.json (make bench ARGS="store detect")
	@sh setup.sh dev
	@.venv/bin/python -m tests.bench $(ARGS)

bench-detection: ## what the detectors find: build/detection.json, docs/detection.md (BENCHMARKS=FOLDER of public data)
	@sh setup.sh dev
	@.venv/bin/python -m tests.bench.detection $(ARGS)

soak:         ## the long crash tests
	@sh setup.sh dev
	@.venv/bin/python -m pytest -m soak --timeout 3600 $(ARGS)

lock:         ## make the hashed locks anew from pyproject.toml (needs uv)
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --extra build --extra bench pyproject.toml -o requirements.lock
	@uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --extra build --extra bench --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
