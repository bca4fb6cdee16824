# Written by aiPBX Fleet (deploys/hardening.py).
ulimit -c 0
# A forgotten shell ends after an hour at its prompt; whatever runs in it (logs, psql) is left alone.
[ -n "${TMOUT:-}" ] || { TMOUT=3600; readonly TMOUT; export TMOUT; }
