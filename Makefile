# Two commands do all the set-up on a fresh Debian machine: `make demo` and `make test`.
.PHONY: demo test lint bench clean environment
IN := .venv/bin

environment: ; @tools/environment
demo: environment ; @$(IN)/inv lab.demo
test: environment ; @$(IN)/pytest
lint: environment ; @tools/lint
bench: environment ; @$(IN)/python -m bench
clean: ; @if [ -x $(IN)/inv ]; then $(IN)/inv lab.clean; fi; rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis pyinfra-debug.log
