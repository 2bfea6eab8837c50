# make demo | make demo-mapping | make test | make lint | make docs | make setup     Each makes .venv first.
# `make setup PYTHON=python3.12` selects a Python, `make setup TORCH=cpu TORCH_INDEX=...` leaves the CUDA libraries out.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := $(CURDIR)/.venv
# A sourced ROS 2 needs another .venv, which uses it instead of wheels.
READY := .venv/.ready-$(if $(and $(ROS_DISTRO),$(AMENT_PREFIX_PATH)),sourced,wheels)
# Pins and scripts of set-up: whoever changes one makes .venv anew.
REQUIREMENTS := $(filter-out requirements/docs.txt,$(wildcard requirements/*.sh requirements/*.txt))
BIN := $(VENV)/bin
# Processes of the tests: one for each core, at most four, and no more than there are 4 GB of memory for.
TEST_PROCESSES ?= $(shell awk -v n=$$(nproc) '/^MemAvailable/ { free = int($$2 / 4e6); n = n < 4 ? n : 4; \
	n = n < free ? n : free; print(n > 1 ? n : 1) }' /proc/meminfo)
# Ends a test run that hangs. Each test has its own limit: `timeout` in pyproject.toml.
TEST_LIMIT_S ?= 3600

# Nodes and commands find the package as ros2 does; the shared memory is large enough for images of several processes.
# Variables that are already set stay.
export AMENT_PREFIX_PATH := $(VENV)$(addprefix :,$(AMENT_PREFIX_PATH))
export FASTRTPS_DEFAULT_PROFILES_FILE ?= $(CURDIR)/config/fastdds.xml
export FASTDDS_DEFAULT_PROFILES_FILE ?= $(FASTRTPS_DEFAULT_PROFILES_FILE)
export ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST
export MUJOCO_GL ?= egl

.PHONY: help setup demo demo-mapping test test-python lint docs format clean

help:
	@echo 'make demo          drive the simulated apartment with both nodes; results in build/demo'
	@echo 'make demo-mapping  map an unseen apartment from one drive without true poses, and drive in it;'
	@echo '                   results in build/demo_mapping'
	@echo 'make test          all checks: lint, then the tests'
	@echo 'make test-python   the tests with PYTHON=python3.10 to python3.14: those that need no ROS 2, or, with'
	@echo '                   ROS_WHEELS=jazzy or kilted, all; TESTS=test/ros selects a folder'
	@echo 'make lint          ruff, mypy, import-linter'
	@echo 'make docs          the site from docs/ and the docstrings, in build/site'
	@echo 'make setup         only .venv with all dependencies, which the other targets make first;'
	@echo '                   TORCH=cpu TORCH_INDEX=...: without the CUDA libraries, for a computer without a GPU'

setup: $(READY)

$(READY): $(REQUIREMENTS) \
          $(wildcard requirements/ros_messages/* requirements/ros_messages/*/msg/*.msg \
                     requirements/ros_messages/*/srv/*.srv) setup.py setup.cfg
	@requirements/setup.sh
	@touch $@

demo: $(READY)
	$(BIN)/localization_demo

demo-mapping: $(READY)
	$(BIN)/localization_demo_mapping

# The tests run also if lint fails; their output is last.
test: $(READY)
	@failed=0; $(MAKE) --no-print-directory lint || failed=1; \
	timeout --kill-after=30 $(TEST_LIMIT_S) $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal || failed=1; \
	exit $$failed

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Tests with another Python, in a venv of its own without ROS 2, or with a ROS 2 from wheels:
# make test-python PYTHON=python3.10 | make test-python PYTHON=python3.12 ROS_WHEELS=kilted TESTS=test/ros
TEST_VENV := build/$(notdir $(or $(PYTHON),python3))-$(or $(ROS_WHEELS),none)
test-python: $(TEST_VENV)/.ready
	@AMENT_PREFIX_PATH=$(CURDIR)/$(TEST_VENV) timeout --kill-after=30 $(TEST_LIMIT_S) \
		$(TEST_VENV)/bin/python -m pytest -n $(TEST_PROCESSES) --dist worksteal $(TESTS)

$(TEST_VENV)/.ready: $(REQUIREMENTS) setup.py setup.cfg
	@ROS_WHEELS=$(or $(ROS_WHEELS),none) VENV=$(TEST_VENV) requirements/setup.sh
	@touch $@

# The site has its own venv, without ROS and torch, because the docstrings are read from the sources.
DOCS_VENV := build/docs-venv
docs: $(DOCS_VENV)/.ready
	@docs/site_scripts.sh build/docs-scripts
	@NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict
	@echo 'the site: build/site/index.html'

$(DOCS_VENV)/.ready: requirements/docs.txt
	$(or $(PYTHON),python3) -m venv --clear $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r $<
	@touch $@

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf build .venv
