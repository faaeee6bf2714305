# make demo, make test: each does all its own set-up on a fresh Debian machine with Python >= 3.11.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
ONLY ?=
PORT ?= 8000

.PHONY: help setup dev demo test bench lint clean

help:
	@echo "make demo   set up, sample data, sample jobs, the map served (PORT=8000)"
	@echo "make test   set up with browser, then the whole suite"
	@echo "make bench  the measurements (ONLY=name runs one group)"
	@echo "make lint   ruff, mypy"

setup: .venv/.runtime web_map/node_modules/.package-lock.json

.venv/.runtime: requirements/runtime.lock pyproject.toml scripts/setup_python.sh
	PYTHON=$(PYTHON) scripts/setup_python.sh requirements/runtime.lock
	touch $@

web_map/node_modules/.package-lock.json: web_map/package-lock.json scripts/setup_assets.sh requirements/node.lock | .venv/.runtime
	scripts/setup_assets.sh
	touch $@

dev: .venv/.dev

.venv/.dev: requirements/dev.lock .venv/.runtime
	PYTHON=$(PYTHON) scripts/setup_python.sh requirements/dev.lock
	touch $@

demo: setup
	$(BIN)/suyuan demo --port $(PORT)

test: setup dev
	scripts/setup_browser.sh
	scripts/setup_postgis.sh
	$(BIN)/python -m pytest -n 2 --dist worksteal

bench: setup dev
	scripts/setup_postgis.sh
	$(BIN)/python -m pytest tests/benchmarks -m bench -o python_files='bench_*.py' -s $(if $(ONLY),-k $(ONLY))

lint: setup dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv web_map/node_modules build *.egg-info
