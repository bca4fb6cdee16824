# Two commands do all the set-up on a fresh Debian machine: `make demo` and `make test`.
.PHONY: demo test test-unit test-all lint bench clean environment
IN := .venv/bin

environment: ; @tools/environment
demo: environment ; @$(IN)/inv lab.demo
test: environment ; @$(IN)/ruff check --quiet . && $(IN)/pytest -n 2
test-unit: environment ; @$(IN)/pytest -n 2 tests/unit
# Parts of the stories, each at most an hour on two cores: PART=data, or PART=restore for tests/lab/test_restore.py alone.
PART.hosts := lab setup world fresh_to_converged bad_input drift killed_run no_lock_out hardening
PART.edge := firewall proxy tls env content offsite monitoring
PART.releases := deploy ci workflow registry switch former_agent fleet eyes day runbook users staging browser adoption
PART.faults := accidents at_once cut_off
PART.data := migrate rotation secrets roles import backup restore pitr mysql_sets
test-all: environment ; @$(IN)/pytest -n 2 -m "" $(patsubst %,tests/lab/test_%.py,$(or $(PART.$(PART)),$(PART)))
lint: environment ; @tools/lint
bench: environment ; @$(IN)/python -m bench
# `make test` has a second lab.
clean: ; @if [ -x $(IN)/inv ]; then for lab in "" $(patsubst .lab-%,%,$(wildcard .lab-*)); do AIPBX_LAB=$$lab $(IN)/inv lab.clean; done; fi; rm -rf .lab-* .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis pyinfra-debug.log
