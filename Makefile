# make board: environment, install, and the dossier of the bundled real case.   make test: every test.   make check: before each commit.
.DEFAULT_GOAL := help
PY := .venv/bin/python
OUT ?= out/board

.PHONY: help venv dev board test test-all check bench docs translations clean
help:
	@sed -n 's/^# //p' Makefile; echo "also: make bench, make test-all, make docs, make translations, make clean"

.venv/bin/python:
	@command -v python3 >/dev/null || { echo "python3 is missing. Install it:  sudo apt-get install -y python3 python3-venv"; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; found $$(python3 --version)."; exit 1; }
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "python3-venv is missing. Install it:  sudo apt-get install -y python3-venv"; exit 1; }
	@rm -rf .venv && python3 -m venv .venv

.venv/.installed: .venv/bin/python pyproject.toml
	@echo "Installing liverboard into .venv (first time only)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -e . && touch $@

.venv/.dev: .venv/.installed
	@echo "Installing the test tools into .venv (first time only)"
	@$(PY) -m pip install --quiet --disable-pip-version-check -e '.[dev]' && touch $@

venv: .venv/.installed
dev: .venv/.dev

board: venv
	@.venv/bin/liverboard board --sample real-y90 -o $(OUT)

test: dev
	@$(PY) -m pytest -n auto --dist worksteal -m "not slow"

test-all: dev
	@$(PY) -m pytest -n auto --dist worksteal

check: dev
	@.venv/bin/ruff check src tests benchmarks validation
	@.venv/bin/ruff format --check src tests benchmarks validation
	@.venv/bin/pyright
	@PYTHONPATH=src .venv/bin/lint-imports
	@$(PY) -m pytest -n auto --dist worksteal -m "not slow"

bench: dev
	@$(PY) benchmarks/run.py

docs: dev
	@$(PY) docs/generate.py

LOCALE := src/liverboard/web/locale
translations: dev
	@cd src/liverboard/web && ../../../.venv/bin/pybabel -q extract -F locale/babel.cfg --no-location --sort-output -o locale/liverboard.pot .
	@.venv/bin/pybabel -q update -D liverboard -d $(LOCALE) -i $(LOCALE)/liverboard.pot --no-fuzzy-matching --ignore-obsolete --no-wrap && rm $(LOCALE)/liverboard.pot

clean:
	rm -rf .venv out dist
