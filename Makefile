# Everything starts from a fresh clone with Python 3.11 or later and a C compiler:
#     make example    install into .venv, fit the shipped example, show what came out
#     make example-survey     the same for a simulated field of stars, through all steps of the survey
#     make test       install into .venv, run the tests against the installed package
# The package in .venv is a real wheel, not a link to this folder: what is tested is what users get.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# -P: do not import from this folder, whose fastsed/ has no compiled kernels
RUN := $(BIN)/python -P

SOURCES := pyproject.toml setup.py MANIFEST.in README.md LICENSE \
           $(shell find fastsed share -type f ! -name '*.c' ! -name '*.so' ! -name '*.pyd' ! -path '*/__pycache__/*')
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# those that take seconds each; benchmarks/ has more
BENCHMARKS := startup full_grid run1 run2 kernels scaling grid_write star_grid

.PHONY: help pages example example-survey test fuzz sanitize lint format docs bench clean

help:
	@echo "make example | example-survey | test | fuzz | sanitize | lint | format | pages | docs | bench | clean        (PYTHON=$(PYTHON))"

$(VENV)/created:
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# build/lib* goes first: setuptools would pack files that have since been removed
$(VENV)/installed: $(VENV)/created $(SOURCES)
	@echo "building and installing fastsed into $(VENV) ..."
	@rm -rf build/lib* build/bdist*
	$(PIP) install '.[test]'
	@touch $@

$(VENV)/linters: $(VENV)/installed
	$(PIP) install 'fastsed[lint]'
	@touch $@

$(VENV)/site-tools: $(VENV)/installed
	$(PIP) install 'fastsed[docs]'
	@touch $@

example: $(VENV)/installed
	$(BIN)/fastsed --example example-output
	@cd example-output && ../$(BIN)/fastsed-plot gst.param -o gst_overview.png >/dev/null && \
		../$(BIN)/fastsed-report gst.param -o gst_report.html >/dev/null
	@echo && echo "Made as well, to look at:"
	@echo "  picture  $(CURDIR)/example-output/gst_overview.png" && \
		echo "  report   $(CURDIR)/example-output/gst_report.html"

example-survey: $(VENV)/installed
	$(PIP) install '.[survey,plot]'
	$(BIN)/fastsed-survey --example example-survey-output

test: $(VENV)/installed
	FASTSED_TEST_INSTALLED=1 $(RUN) -m pytest $(PYTEST_ARGS)

# damaged files for every reader, about five minutes
fuzz: $(VENV)/installed
	$(RUN) scripts/fuzz.py $(FUZZ_ARGS)

# the kernels once more, with AddressSanitizer and UndefinedBehaviorSanitizer, in build/sanitize
sanitize: $(VENV)/installed
	@scripts/sanitize.sh $(BIN)/python $(PYTEST_ARGS)

lint: $(VENV)/linters
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/linters
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# generated pages, man pages and completions; the outputs that pages and the notebook show
pages: $(VENV)/site-tools
	$(RUN) scripts/build_docs.py --all

# and the site, in build/site/html; warnings are errors
docs: pages
	$(RUN) scripts/build_site.py

bench: $(VENV)/installed
	@cd benchmarks && for name in $(BENCHMARKS); do ../$(BIN)/python $$name.py --quick || exit 1; done

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache example-output example-survey-output
	rm -f fastsed/_ext/*.c fastsed/_ext/*.so
