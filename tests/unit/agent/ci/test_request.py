"""The commands that a stolen key of CI's can give: none but those of a deploy."""

from __future__ import annotations

import pytest

from aipbx_agent.ci import request
from aipbx_agent.ci.rebuild import REBUILD
from aipbx_agent.ci.serve import OWN
from aipbx_agent.contract import COMMAND
from aipbx_agent.core.errors import Refused

PULL = f"{COMMAND} --contract=8 --json pull"
SWITCH = f"{COMMAND} --contract=8 --detached --stdin --json switch"


def test_what_ci_may_ask() -> None:
    assert request.parse(PULL) == request.Call("pull", 8)
    assert request.parse(SWITCH).argv == ["--detached", "--stdin", "--json", "switch"]
    assert request.parse(f"{COMMAND} --contract=8 --json state --release").argv == ["--json", "state", "--release"]


def test_every_verb_has_one_way_to_be_carried_out() -> None:
    assert set(request.VERBS) == set(REBUILD) | set(OWN)
    assert not set(REBUILD) & set(OWN)


@pytest.mark.parametrize(
    "call",
    [
        "",
        "sh",
        "id; " + PULL,
        PULL + "; id",
        PULL + " && id",
        PULL + " | sh",
        PULL + " $(id)",
        PULL + " `id`",
        PULL + "\nid",
        PULL + "\n",
        PULL + "\0",
        PULL + " --json",
        PULL.replace("--json", "--detached --stdin --json"),
        SWITCH.replace(" --detached --stdin", ""),
        SWITCH.replace(" --stdin", ""),
        PULL.replace("pull", "pull --config=/etc"),
        PULL.replace("--json", "--json  "),
        "PYTHONPATH=/tmp " + PULL,
        "env PATH=/tmp " + PULL,
        "sudo " + PULL,
        "/usr/local/sbin/../../../tmp/aipbx-agent --contract=8 --json pull",
        "/usr/lib/openssh/sftp-server",
        "scp -t /etc/cron.d",
        PULL.replace("--contract=8", "--contract=\N{ARABIC-INDIC DIGIT FIVE}"),
        PULL.replace("u", "\N{GREEK SMALL LETTER UPSILON}"),
        PULL.replace("pull", "PULL"),
        PULL.replace("pull", "lock"),
        PULL.replace("pull", "migrate --lock"),
        *(
            PULL.replace("pull", verb)
            for verb in (
                "ci",
                "restore",
                "recover",
                "undo",
                "roles",
                "rotate",
                "backup",
                "cancel",
                "attach",
                "services",
            )
        ),
        PULL + " " * 100_000,
    ],
)
def test_no_other_command(call: str) -> None:
    with pytest.raises(Refused):
        request.parse(call)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"[" * 100_000, b"\xff\xfe", b'{"a": 1, "a": 2}', b'{"a": NaN}', b'"text"']
)
def test_an_input_is_one_object_with_each_key_once(body: bytes) -> None:
    with pytest.raises(Refused):
        request.read_object(body)
