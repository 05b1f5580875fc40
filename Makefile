# Everything a person or a machine does with the cookbook. `make` alone lists the targets.
COOKBOOK := .venv/bin/cookbook
ARGS ?=
# The Python of the environment: `make setup PYTHON=...` chooses it, else the one in .venv stays, else the first of these.
CHOSEN := $(if $(filter command,$(firstword $(origin PYTHON))),$(PYTHON))
CANDIDATES := $(if $(CHOSEN),"$(CHOSEN)",.venv/bin/python $(PYTHON) python3 python python3.14 python3.13 python3.12 python3.11)
VERSION_OK := (3, 11) <= sys.version_info[:2] <= (3, 14) and sys.implementation.name == "cpython"
CAN_MAKE := (sys.prefix != sys.base_prefix or importlib.util.find_spec("ensurepip"))
# They are for other programs, and no Python starts with another's home.
unexport PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: beyond-python bench bench-batch bench-clients bench-doubles bench-endpoint bench-notebooks bench-quota doctor \
  engine engines faults foreign gallery group help image lab lock newest next-token outputs picture pythons recipe run \
  scores serve setup snippets tables test test-all truth

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Set up the environment in .venv; the other targets do it by themselves
	@for python in $(CANDIDATES); do \
	  if "$$python" -I -c 'import importlib.util, sys; sys.exit(not ($(VERSION_OK) and $(CAN_MAKE)))' >/dev/null 2>&1; then \
	    exec "$$python" -I helpers/mistral_on_azure/setup_environment.py $(if $(CHOSEN),chosen); fi; \
	done; echo "No Python 3.11 to 3.14 found (tried: "$(CANDIDATES)"). Install one, or name it: make setup PYTHON=/path/to/python" >&2; exit 1

run: setup ## Execute every notebook whose packages are installed, on the local endpoint or on AZURE_INFERENCE_ENDPOINT
	@$(COOKBOOK) run $(ARGS)

test: setup ## Run the tests
	@$(COOKBOOK) test $(ARGS)

test-all: setup ## Run all tests, also those that take long: all groups, a real engine, each Python that is installed
	@.venv/bin/python -I helpers/mistral_on_azure/setup_environment.py group all
	@$(COOKBOOK) engine
	@$(COOKBOOK) test --all $(or $(ARGS),--numprocesses=auto --dist=loadfile -m "not alone")
	@$(if $(ARGS),,$(COOKBOOK) test --all -m alone)
	@.venv/bin/nox --session pythons

doctor: setup ## Examine AZURE_INFERENCE_ENDPOINT: what it is, what works, and what to change
	@$(COOKBOOK) doctor $(ARGS)

lab: setup ## Open JupyterLab on the start-here notebook
	@$(COOKBOOK) lab $(ARGS)

serve: setup ## Run the local endpoint in the foreground, on port 8000
	@$(COOKBOOK) serve --port 8000 $(ARGS)

engine: setup ## Install a small real language model, for make run ARGS='--engine embedded'
	@$(COOKBOOK) engine

group: setup ## Install what some recipes need: make group NAME=evaluation (or batch, langchain, retrieval, tracing, all)
	@.venv/bin/python -I helpers/mistral_on_azure/setup_environment.py group "$(NAME)"

engines: engine ## Execute the notebooks on other projects' servers, and keep what each cannot do
	@.venv/bin/python tests/engines/measure.py $(ARGS)

foreign: setup ## Try other people's clients on the local endpoint, and keep what each can do
	@.venv/bin/python tests/foreign/foreign_clients.py $(ARGS)

newest: setup ## Execute every notebook on the newest allowed versions instead of the locked ones
	@.venv/bin/nox --session newest -- $(ARGS)

pythons: setup ## Execute every notebook, and the fast tests, on each allowed Python that is installed here
	@.venv/bin/nox --session pythons $(if $(ARGS),--error-on-missing-interpreters) -- $(ARGS)

picture: setup ## Draw the README's picture of an answer arriving
	@.venv/bin/python -m mistral_on_azure.upkeep.answer_arriving

outputs: setup ## Execute the notebooks on the local endpoint and keep their outputs
	@$(COOKBOOK) run --save $(ARGS)

snippets: setup ## Write a standalone program for every task and client to build/snippets
	@$(COOKBOOK) snippets $(ARGS)

faults: setup ## Measure how the clients handle faults, and keep the table
	@$(COOKBOOK) faults $(ARGS)

beyond-python: setup ## Make and execute the notebooks in other languages, and keep their outputs (needs Node.js)
	@.venv/bin/python -m mistral_on_azure.upkeep.beyond_python $(ARGS)

truth: setup ## Send requests to Microsoft's own container and vLLM, here and without a GPU, and keep the answers (several GB)
	@.venv/bin/python -m mistral_on_azure.upkeep.truth.asking_truth $(ARGS)

recipe: setup ## Begin a recipe: make recipe NAME=hello
	@$(COOKBOOK) recipe "$(NAME)"
	@$(COOKBOOK) run --save "recipes/$(NAME)"
	@$(COOKBOOK) tables

tables: setup ## Rebuild the generated parts of the READMEs and of Start here
	@$(COOKBOOK) tables $(ARGS)

bench: bench-endpoint bench-notebooks bench-doubles ## Benchmark the cookbook beside similar tools, which are installed for it, and keep the results

bench-endpoint: setup ## Measure the local endpoint only
	@.venv/bin/python tests/bench/endpoint_speed.py $(ARGS)

bench-notebooks: setup ## Measure only how fast notebooks are executed
	@.venv/bin/python tests/bench/notebook_speed.py $(ARGS)

bench-batch: setup ## Measure start, speed and memory of a batch in one process, in two and on Ray (first: make group NAME=batch)
	@.venv/bin/python tests/bench/batch_scaling.py $(ARGS)

bench-clients: setup ## Measure the clients' start, speed, memory and size, and keep the results
	@.venv/bin/python tests/bench/client_costs.py $(ARGS)

bench-quota: setup ## Measure how much of a quota each way to keep to it uses (a quarter of an hour)
	@.venv/bin/python tests/bench/quota_use.py $(ARGS)

image: setup ## Put the wheel, a Dockerfile and a compose file for an app's tests into build/image
	@rm -rf build/image && .venv/bin/uv build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir build/image
	@cp helpers/mistral_on_azure/testing/container/* build/image
	@echo "Next: cd build/image, and docker compose up --build --exit-code-from tests"

bench-doubles: setup ## Measure how many seconds the pytest plugin adds to a session and to a test, beside other doubles
	@.venv/bin/python tests/bench/double_speed.py $(ARGS)

scores: setup ## Ask the embedded model the evaluation set of the recipe "Which model?", and keep its answers (an hour)
	@.venv/bin/python -m mistral_on_azure.upkeep.embedded_measurements scores $(ARGS)

next-token: engine ## Ask the embedded model how likely each next token is, and keep it for a picture
	@.venv/bin/python -m mistral_on_azure.upkeep.embedded_measurements next-token

gallery: setup ## Build the gallery, a site to open from disk, in build/gallery
	@$(COOKBOOK) gallery $(ARGS)

lock: setup ## Rebuild requirements.lock and environment.yml from pyproject.toml
	@$(COOKBOOK) lock $(ARGS)
