# Every target can be run first, on a Debian 12 machine that has nothing but the Swift toolchain, git and make.
# Set-up is remembered: a second run installs nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory
.NOTPARALLEL:

# Debian's own interpreter, always by its path: the one that husk-python links. A python3 on PATH may be another.
PYTHON := /usr/bin/python3
VENV := .venv
VENV_TEST := .venv-test
VENV_SECOND := .venv-second
VENV_BENCH := .venv-bench
HUSK := .build/release/husk

PACKAGES := ca-certificates libc6-dev libpython3-dev libseccomp-dev libsqlite3-dev libstdc++-12-dev libzmq3-dev pkg-config \
    python3 python3-venv uidmap

# What the tests need beside that: a browser for JupyterLab, what Qt's programs link, and what makes images.
TEST_PACKAGES := chromium debootstrap fonts-dejavu-core libdbus-1-3 libegl1 libgl1 libxkbcommon0 skopeo umoci

# Where the pictures of JupyterLab go.
export HUSK_ARTIFACTS ?= $(CURDIR)/artifacts

BUILD := swift build -c release --static-swift-stdlib
# Present while this run has installed something.
INSTALLED := .cache/installed
RUFF := $(VENV_TEST)/bin/ruff
PYTHON_SOURCES := Kernels Tests
SWIFT_SOURCES := Sources Tests Package.swift

define install_packages
	missing=()
	for package in $(1); do
	    state=$$(dpkg-query --show --showformat='$${db:Status-Status}' "$$package" 2>/dev/null || true)
	    if [ "$$state" != installed ]; then missing+=("$$package"); fi
	done
	if [ $${#missing[@]} -eq 0 ]; then
	    exit 0
	fi
	mkdir -p $(dir $(INSTALLED)) && touch $(INSTALLED)
	as_root=
	if [ "$$(id -u)" -ne 0 ]; then
	    if ! command -v sudo >/dev/null; then
	        echo "Husk needs Debian packages that only root can install: $${missing[*]}" >&2
	        exit 1
	    fi
	    as_root="sudo --preserve-env=DEBIAN_FRONTEND"
	fi
	export DEBIAN_FRONTEND=noninteractive
	echo "==> Installing Debian packages: $${missing[*]}"
	$$as_root apt-get update -qq
	$$as_root apt-get install -qq -y --no-install-recommends "$${missing[@]}" >/dev/null
endef

# Virtual environments hold the checksum of the requirements they were made from, so that a change installs again
# and a fresh checkout's time stamps do not.
define make_environment
	installed=$(1)/.requirements.sha256
	if sha256sum --check --status "$$installed" 2>/dev/null; then exit 0; fi
	echo "==> Installing $(3) into $(1)"
	mkdir -p $(dir $(INSTALLED)) && touch $(INSTALLED)
	rm -rf $(1)
	$(2) -m venv $(1)
	$(1)/bin/python3 -m pip install --quiet --disable-pip-version-check --no-input $(foreach file,$(4),-r $(file))
	sha256sum $(4) > "$$installed"
endef

.PHONY: help demo test build lint format bench bombs soak install clean
.PHONY: packages test-packages environment test-environment second-environment bench-environment image report
.PHONY: lint-swift lint-python test-swift test-kernels test-attacks test-peers

help: ## Says what each target does
	@grep --extended-regexp --no-filename '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) \
	    | sed --regexp-extended 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand --tabs=16

demo: ## Installs what is needed, builds, and replays Notebooks/tour.ipynb in a sandbox
demo: packages environment report build
	@exec $(HUSK) run Notebooks/tour.ipynb --python $(VENV)/bin/python3

test: ## Installs what the tests need, then lints and runs every test
test: packages test-packages environment test-environment second-environment image report
	@$(MAKE) lint
	$(MAKE) build
	$(MAKE) test-swift
	$(MAKE) test-kernels
	$(MAKE) test-attacks
	$(MAKE) test-peers

build: ## Builds the release binaries, and the environment that cells run in
build: packages environment
	@echo "==> Building Husk (release)"
	$(BUILD)

lint: ## Checks the style of Swift and Python sources
lint: lint-swift lint-python

format: ## Formats Swift and Python sources
format: test-environment
	@swift format format --in-place --parallel --recursive $(SWIFT_SOURCES)
	$(RUFF) check --fix --quiet $(PYTHON_SOURCES)
	$(RUFF) format $(PYTHON_SOURCES)

bench: ## Times Husk beside other kernels
bench: build bench-environment
	@$(VENV_BENCH)/bin/python3 Tests/Peers/bench.py python3 xpython husk-python

bombs: ## Measures what bombs in one sandbox cost its neighbours
bombs: build test-environment
	@$(VENV_TEST)/bin/python3 Tests/Peers/bombs.py

soak: ## Runs kernels for an hour, and repeats the tests of durability and clean-up: make soak ROUNDS=20
soak: build test-packages test-environment
	@HUSK_SOAK_SECONDS=$${HUSK_SOAK_SECONDS:-3600} $(VENV_TEST)/bin/python3 -m pytest -q -p no:cacheprovider \
	    Tests/Peers/test_soak.py
	for round in $$(seq $${ROUNDS:-10}); do
	    echo "==> Round $$round"
	    HUSK_TEST_SEED=$$round $(VENV_TEST)/bin/python3 -m pytest -q -p no:cacheprovider \
	        Tests/Peers/test_durable.py Tests/Peers/test_lifecycle.py Tests/Peers/test_streams.py
	done

install: ## Installs the kernelspec for the current user: "Python 3 (Husk)"
install: build
	@exec $(HUSK) install --user --python $(CURDIR)/$(VENV)/bin/python3

clean: ## Removes everything that was built or installed here
	@rm -rf .build $(VENV) $(VENV_TEST) $(VENV_SECOND) $(VENV_BENCH)
	find Kernels Tests -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -rf artifacts .cache .pytest_cache .ruff_cache Tests/Peers/.pytest_cache

# ---- Set-up

packages:
	@$(call install_packages,$(PACKAGES))

test-packages: packages
	@$(call install_packages,$(TEST_PACKAGES))

environment: packages
	@$(call make_environment,$(VENV),$(PYTHON),IPython and the scientific stack,Kernels/python/requirements.txt)

test-environment: packages
	@$(call make_environment,$(VENV_TEST),$(PYTHON),the test clients,Kernels/python/requirements.txt Tests/Peers/requirements.txt)

bench-environment: packages
	@$(call make_environment,$(VENV_BENCH),$(PYTHON),other kernels to measure,Tests/Peers/bench-requirements.txt)

# A small Debian as a folder, for the tests of --image. Only root can make one.
image: test-packages
	@if [ -e .cache/image ] || [ "$$(id -u)" -ne 0 ]; then exit 0; fi
	echo "==> Making a small Debian in .cache/image"
	mkdir -p .cache && touch $(INSTALLED)
	rm -rf .cache/image.new
	source=$$(apt-get indextargets --format '$$(REPO_URI)' 'Created-By: Packages' | head -n 1)
	release=$$(. /etc/os-release && echo "$$VERSION_CODENAME")
	debootstrap --variant=minbase --include=python3 "$$release" .cache/image.new "$$source" >.cache/image.log \
	    || { tail -n 3 .cache/image.log >&2; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-input --root-user-action=ignore \
	    --target .cache/image.new/usr/local/lib/python3.11/dist-packages -r Tests/Peers/second-requirements.txt
	mv .cache/image.new .cache/image

report:
	@if [ ! -e $(INSTALLED) ]; then echo "==> Nothing to install: packages and environments are in place"; fi
	rm -f $(INSTALLED)

# Another minor version of CPython, when the machine has one: its kernels are started through the other door.
second-environment: packages
	@second=$$($(PYTHON) Tests/Peers/second_python.py)
	if [ -z "$$second" ]; then
	    rm -rf $(VENV_SECOND)
	    echo "==> No second CPython on this machine: its tests will be skipped"
	    exit 0
	fi
	$(call make_environment,$(VENV_SECOND),"$$second",IPython for a second CPython,Tests/Peers/second-requirements.txt)

# ---- The parts of make test

lint-swift:
	@echo "==> Linting Swift"
	swift format lint --strict --parallel --recursive $(SWIFT_SOURCES)

lint-python: test-environment
	@echo "==> Linting Python"
	$(RUFF) check --quiet $(PYTHON_SOURCES)
	$(RUFF) format --check --quiet $(PYTHON_SOURCES)

test-swift: packages environment
	@echo "==> Testing Swift"
	swift test

test-kernels: test-environment
	@echo "==> Testing the Python side of the kernel"
	$(VENV_TEST)/bin/python3 -m pytest -q -p no:cacheprovider Kernels/python/tests

test-attacks: test-packages test-environment
	@echo "==> Attacking sandboxes"
	$(VENV_TEST)/bin/python3 -m pytest -q -p no:cacheprovider Tests/Attacks

test-peers: test-packages test-environment second-environment
	@echo "==> Testing against real clients"
	$(VENV_TEST)/bin/python3 -m pytest -q -p no:cacheprovider Tests/Peers
