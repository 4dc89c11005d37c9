PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: search test heavy lint site clean

search: $(VENV)/installed  ## set up, then search the digits space with the embedded model
	$(BIN)/genius search digits --llm local

# tests run side by side, and the threads of linear algebra and of torch would wait for each other
test heavy: export OPENBLAS_NUM_THREADS = 1
test heavy: export OMP_NUM_THREADS = 1

# after a crash nothing is begun any more, for pytest-xdist would wait for ever
test: $(VENV)/installed  ## set up, then run the tests, a file at a time in each of a few processes
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
		--max-worker-restart 0 --within 3600

heavy: $(VENV)/installed  ## run the tests that take long; some need Slurm's daemons, and are skipped without
	$(BIN)/python -m pytest -m heavy --numprocesses auto --maxprocesses 4 --dist loadfile \
		--max-worker-restart 0 --within 2700

lint: $(VENV)/installed  ## check style, and types for each Python
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	for python in 3.11 3.12 3.13; do $(BIN)/mypy --python-version $$python || exit 1; done

site: $(VENV)/installed  ## build the pages of docs/ into site/; a broken link or docstring is an error
	$(BIN)/python -m zensical build --clean --strict

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,anthropic,ollama,trace,ray,slurm,hf,onnx,studio,docs,dev]'
	touch $@

clean:
	rm -rf $(VENV) build site *.egg-info
