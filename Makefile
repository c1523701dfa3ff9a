# For newcomers:  make tour   make test
# What CI runs:   make check  (CONTRIBUTING.md tells its parts)

PYTHON ?= python3
VENV ?= .venv
CXX ?= c++

bin := $(abspath $(VENV))/bin
# Python compiles what it imports, and keeps it, though the environment may say otherwise: the tests
# start hundreds of processes. All else that is installed need not wait for that.
unexport PYTHONDONTWRITEBYTECODE
pip_install := $(bin)/pip install --quiet --no-compile --disable-pip-version-check
export PATH := $(bin):$(PATH)

# What the virtual environment holds; an empty file there says that it holds it. Where the native code
# is checked, the package is installed with warnings as errors, and with the native tests in
# $(checked). Not so elsewhere: a newcomer's newer compiler knows newer warnings, and must not fail.
strict := $(filter check native,$(MAKECMDGOALS))
checked := build/native/package
as_checked := build-dir=$(checked) cmake.define.LOOKALIKE_WERROR=ON cmake.define.LOOKALIKE_NATIVE_TESTS=ON
installed := $(VENV)/$(if $(strict),checked,installed)
tools := $(VENV)/tools
extra = $(VENV)/$(1).extra
cpus = $(shell nproc 2> /dev/null || echo 2)
native_tests := clang sanitize threads emulate aarch64

.PHONY: tour test test-all bench check lint types docs package native $(native_tests) stub clean
.NOTPARALLEL:

tour: $(installed)
	$(bin)/lookalike tour $(ARGS)

# One process more than CPUs, for tests wait for servers, browsers and one another; ARGS="-n 0" for
# one, as a debugger wants it. The slow tests, each of which says why it is slow, are left to `make
# check` and `make test-all`.
test: options := -m "not slow"
test test-all: $(call extra,test)
	$(bin)/pytest -n $$(($(cpus) + 1)) --dist worksteal --durations 10 $(options) $(ARGS)

bench: $(call extra,bench)
	$(bin)/python benchmarks/search.py $(ARGS)

# The tests come last, so that their count is the last line.
check: lint types docs native $(native_tests) test-all

# The package in a virtual environment of its own. Python sources are used where they lie; a
# change of the native ones, or of what is required, installs again.
$(installed): pyproject.toml CMakeLists.txt $(wildcard src/core/* $(if $(strict),tests/native/*))
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
		"lookalike needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import pathlib, sys, sysconfig; \
		pathlib.Path(sysconfig.get_path("include"), "Python.h").exists() or sys.exit( \
		"this Python has no C headers (Debian: apt-get install python3-dev)")'
	$(PYTHON) -m venv $(VENV)
	$(pip_install) $(if $(strict),$(addprefix --config-settings=,$(as_checked))) --editable '.[web]'
	@rm -f $(VENV)/checked
	@touch $(VENV)/installed $@

# What an extra of pyproject.toml asks for. It is read from there, for installing the package with
# the extra would build the package again.
$(VENV)/%.extra: $(installed)
	$(bin)/python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*project["optional-dependencies"]["$*"], sep="\n")' > $@.txt
	$(pip_install) --requirement $@.txt
	@touch $@

# What builds native code outside of pip.
$(tools): $(installed)
	$(pip_install) 'cmake>=3.25' ninja nanobind
	@touch $@

lint: $(call extra,lint)
	$(bin)/ruff check .
	$(bin)/ruff format --check .

types: $(call extra,lint)
	$(bin)/mypy

# The site in build/docs, with warnings as errors: links that lead nowhere, and names without a page.
docs: $(call extra,docs)
	$(bin)/sphinx-build --quiet --nitpicky --fail-on-warning --keep-going docs build/docs

# The distributions as they would be published: the wheel is built from the source distribution, which
# knows no git, installed where nothing else is, and asked what needs the extension. No part of
# `make check`: compiling everything once more takes more than a minute.
dist := build/dist
wheel_bin = $(dist)/venv/bin
package: $(call extra,package)
	rm -rf $(dist)
	$(bin)/python -m build --outdir $(dist)
	$(bin)/twine check --strict $(dist)/*
	$(PYTHON) -m venv $(dist)/venv
	$(wheel_bin)/pip install --quiet --disable-pip-version-check $(dist)/*.whl pytest hypothesis pandas
	$(wheel_bin)/pytest -q -m "not slow" tests/search

run_native_tests = $(bin)/ctest --output-on-failure --no-tests=error --parallel $(cpus) --test-dir

native: $(tools)
	$(run_native_tests) $(checked)/tests/native

# The native tests, in each of the ways that tests/native/CMakePresets.json describes.
$(native_tests): $(tools)
	@$(needs_$@) \
	$(bin)/cmake -S tests/native --preset $@ --log-level=WARNING && \
	$(bin)/cmake --build build/native/$(or $(objects_$@),$@) && \
	$(run_native_tests) build/native/$(or $(objects_$@),$@)

# Two sources differ from those of sanitize; all other objects are shared.
objects_emulate = sanitize

# $(call needs,a command that shows it is there,what is needed,its Debian packages): where it is
# missing the target ends, saying so; on CI that is a failure.
needs = if ! { $(1); } > /dev/null 2>&1; then \
		echo "make $@: NOT RUN, for want of $(2) (Debian: apt-get install $(3))" >&2; \
		test "$$CI" != true; exit; \
	fi;
compiles = mkdir -p build && echo "int main() {}" | $(CXX) $(1) -x c++ - -o build/probe && build/probe

needs_clang = $(call needs,clang++ --version,clang++,clang)
needs_sanitize = $(call needs,$(call compiles,-fsanitize=address$(comma)undefined),the sanitizers of $(CXX),libasan8 libubsan1)
needs_threads = $(call needs,$(call compiles,-fsanitize=thread),the thread sanitizer of $(CXX),libtsan2)
needs_emulate = $(call needs,echo "#include <simde/x86/avx512.h>" | $(CXX) -E -x c++ -,SIMDe,libsimde-dev)
needs_aarch64 = $(call needs,aarch64-linux-gnu-g++ --version && qemu-aarch64-static --version,the ARM cross compiler and QEMU,g++-aarch64-linux-gnu qemu-user-static)
comma := ,

# The types of the native module, after a change of bindings.cpp.
stub := src/lookalike/_core.pyi
stub: $(tools) $(call extra,lint)
	$(bin)/python -m nanobind.stubgen --quiet --module lookalike._core --output-file $(VENV)/_core.pyi
	printf '# %s\n' 'Generated from src/core/bindings.cpp by `make stub`.' \
		'ruff: noqa: C408' 'mypy: disable-error-code="type-arg"' | cat - $(VENV)/_core.pyi > $(stub)
	$(bin)/ruff check --quiet --select I --fix $(stub)
	$(bin)/ruff format --quiet $(stub)

clean:
	rm -rf build dist docs/api $(VENV)
