# Two commands: `make demo` and `make test`. Both set up .venv from hash-locked requirements first.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check lock clean

demo: .venv/demo
	$(BIN)/splitsim run b2c_exhaustion

# Parts that need Debian packages (apt-packages.txt) are skipped by name where those are missing.
test: .venv/dev
	$(BIN)/pytest -n auto $(PYTEST_ARGS)

# Style, types and the arrows of the house; the test run holds them too.
check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every requirements/USE.txt holds what that use needs, with hashes; our own package is built with what it holds.
.venv/%: requirements/%.txt pyproject.toml setup.py ocs/gy/_octets.pyx
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

LOCK := $(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --all-build-deps \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# After a change of dependencies in pyproject.toml. `--upgrade` in LOCK_ARGS takes newer versions.
lock: .venv/dev
	$(LOCK) $(LOCK_ARGS) --extra report --output-file requirements/demo.txt pyproject.toml
	$(LOCK) $(LOCK_ARGS) --extra report --extra postgres --extra cluster --extra conformance --extra dev \
		--constraint requirements/demo.txt --output-file requirements/dev.txt pyproject.toml

clean:
	rm -rf .venv build *.egg-info out
