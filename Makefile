# Two commands do all the set-up on a fresh Debian machine: `make demo` and `make test`.
.PHONY: demo test test-unit test-all lint bench clean environment
IN := .venv/bin

environment: ; @tools/environment
demo: environment ; @$(IN)/inv lab.demo
test: environment ; @$(IN)/pytest -n 2
test-unit: environment ; @$(IN)/pytest -n 2 tests/unit
# PART=restore: the stories of tests/lab/test_restore.py alone.
test-all: environment ; @$(IN)/pytest -n 2 -m "" $(PART:%=tests/lab/test_%.py)
lint: environment ; @tools/lint
bench: environment ; @$(IN)/python -m bench
# `make test` has a second lab.
clean: ; @if [ -x $(IN)/inv ]; then for lab in "" $(patsubst .lab-%,%,$(wildcard .lab-*)); do AIPBX_LAB=$$lab $(IN)/inv lab.clean; done; fi; rm -rf .lab-* .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis pyinfra-debug.log
