"""A pull: by digest, with a password in a header alone, of an image whose label names its commit."""

from __future__ import annotations

import base64
import json
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

from aipbx_agent.contract import ARRIVING
from aipbx_agent.core import arriving, disk, engine_api
from aipbx_agent.core.config import Config
from aipbx_agent.core.errors import Failed, Refused
from aipbx_agent.release import offered, pull, registry
from aipbx_agent.release.registry import Image

SHA, DIGEST = "a" * 40, f"sha256:{'0' * 64}"
WORD = "ghp_0123456789abcdef"
IMAGE = Image("ghcr.io/team/backend", SHA, DIGEST)


class Engine(BaseHTTPRequestHandler):
    """Docker's socket; what it says was copied from Docker 29."""

    asked: ClassVar[list[tuple[str, dict[str, str]]]] = []
    status: ClassVar[int] = 200
    said: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        header = self.headers.get("X-Registry-Auth")
        login = json.loads(base64.urlsafe_b64decode(header)) if header else {}
        self.asked.append((f"{self.command} {self.path}", login))
        self.send_response(self.status)
        self.end_headers()
        for one in self.said:
            self.wfile.write(json.dumps(one).encode() + b"\r\n")

    def do_GET(self) -> None:
        self.do_POST()

    def address_string(self) -> str:
        return "a socket"

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Engine]]:
    monkeypatch.setattr(engine_api, "SOCKET", str(tmp_path / "s"))
    monkeypatch.setattr(Engine, "asked", [])
    with socketserver.UnixStreamServer(str(tmp_path / "s"), Engine) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield Engine
        server.shutdown()


class Docker:
    """Its command line: images by reference, each with its label."""

    def __init__(self, label: str = SHA) -> None:
        self.label = label
        self.calls: list[str] = []
        self.here: dict[str, list[str]] = {}
        self.removes = False
        self.refuses = ""
        self.noted: list[str] = []

    def __call__(self, argv: Sequence[str], **_: Any) -> bytes:
        self.calls.append(" ".join(argv))
        self.noted = [path.read_text().split()[1] for path in (CONFIG.app / ARRIVING).glob("*")]
        if self.calls[-1] == self.refuses:
            raise Failed("docker failed", "denied", "")
        if arriving.NAMES in argv:
            return "\n".join(self.here).encode()
        if self.removes and argv[1:3] == ["image", "rm"]:
            self.here.pop(argv[-1], None)
        if "{{json .RepoDigests}}" in argv:
            if argv[-1] not in self.here:
                raise Failed("docker failed", "No such image", "")
            return json.dumps(self.here[argv[-1]]).encode()
        return f"{self.label}\n".encode()


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Docker:
    made = Docker()
    for module in (arriving, pull, registry):
        monkeypatch.setattr(module, "run", made)
    monkeypatch.setitem(CONFIG.raw, "app_dir", str(tmp_path))
    monkeypatch.setattr(disk, "require", lambda *_: None)
    return made


CONFIG = Config({"host": "aipbx.ru", "app_dir": "/app", "min_free_disk_mib": 0}, {}, {})


def pulled(*images: Image, token: str = WORD) -> list[str]:
    return pull.pull(CONFIG, pull.Wanted(list(images), [], token))


def test_it_is_pulled_by_digest_with_the_password_in_a_header_and_named_by_its_commit(
    engine: type[Engine], docker: Docker
) -> None:
    assert pulled(IMAGE) == [IMAGE.name]
    path = f"POST /v1.44/images/create?fromImage=ghcr.io%2Fteam%2Fbackend&tag=sha256%3A{'0' * 64}"
    assert engine.asked == [(path, {"username": "token", "password": WORD})]
    assert docker.calls[-1] == f"docker tag {IMAGE.reference} {IMAGE.name}"
    assert docker.noted == [IMAGE.reference], "until the disk has it"
    assert WORD not in repr((docker.calls, pull.Wanted([IMAGE], [], WORD)))


def noted_before(*names: str) -> None:
    """Images that were on their way when the host went down."""
    for name in names:
        note = arriving.note(CONFIG.app, name)
        note.parent.mkdir(exist_ok=True)
        note.write_text(f"another-boot {name}\n")


def test_what_a_power_cut_left_is_pulled_to_its_end_deleted_and_pulled_again(
    engine: type[Engine], docker: Docker
) -> None:
    docker.here[IMAGE.name] = [IMAGE.reference]
    docker.removes = True
    noted_before(IMAGE.reference)
    assert pulled(IMAGE) == [IMAGE.name]
    assert [login["password"] for _, login in engine.asked] == [WORD, WORD]
    assert [one for one in docker.calls if " rm " in one] == [f"docker image rm {IMAGE.name}"]
    assert not list((CONFIG.app / ARRIVING).iterdir())


OTHER = f"{IMAGE.repository}:{'b' * 40}"


@pytest.mark.parametrize(
    ("name", "words", "stays"),
    [
        (IMAGE.reference, "unauthorized", True),
        (OTHER, "unauthorized", True),
        (OTHER, "manifest unknown", False),
        ("nginx:1", "", True),
        ("built:1", "", False),
    ],
)
def test_one_that_its_registry_keeps_back_stays_noted(
    engine: type[Engine], docker: Docker, monkeypatch: pytest.MonkeyPatch, name: str, words: str, stays: bool
) -> None:
    monkeypatch.setattr(engine, "status", 500)
    monkeypatch.setattr(engine, "said", [{"message": words}])
    docker.refuses = f"docker pull --quiet {name}"
    noted_before(name)
    with pytest.raises(Refused, match="did not give") if stays else nullcontext():
        pull.delete_torn(CONFIG, pull.Wanted([IMAGE], ["nginx:1"]))
    assert arriving.torn(CONFIG) == [name] * stays
    assert len(engine.asked) == (IMAGE.repository in name), "no one else hears of the password"


def test_an_image_that_a_power_cut_left_counts_as_not_here(
    engine: type[Engine], docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.here[IMAGE.name] = [IMAGE.reference]
    monkeypatch.setattr(engine, "said", [{"Descriptor": {"digest": DIGEST}}])
    for torn in (IMAGE.name, IMAGE.reference):
        assert offered.look(IMAGE, "", [torn], anyway=False) == {"here": False, "digest": DIGEST, "why": ""}


def test_a_public_package_needs_no_password(engine: type[Engine], docker: Docker) -> None:
    pulled(IMAGE, token="")
    assert engine.asked[0][1] == {}


def test_what_is_here_is_not_asked_for_unless_it_is_another(engine: type[Engine], docker: Docker) -> None:
    docker.here[IMAGE.name] = [IMAGE.reference]
    assert pulled(IMAGE) == []
    docker.here[IMAGE.name] = [f"{IMAGE.repository}@sha256:{'1' * 64}"]
    assert pulled(IMAGE) == [IMAGE.name]


@pytest.mark.parametrize("label", ["b" * 40, ""])
def test_an_image_of_another_commit_does_not_stay(engine: type[Engine], docker: Docker, label: str) -> None:
    docker.label = label
    with pytest.raises(Refused, match="is not the image of aaaaaaaaaaaa") as refused:
        pulled(IMAGE)
    assert (label or "nothing") in refused.value.why
    assert f"docker image rm {IMAGE.reference}" in docker.calls
    assert not [one for one in docker.calls if one.startswith("docker tag")]


@pytest.mark.parametrize(
    ("status", "said", "token", "do"),
    [
        (500, {"message": "unauthorized: authentication required"}, "", "The package is private"),
        (200, {"error": "denied: denied"}, WORD, "classic one with read:packages"),
        (404, {"message": "manifest unknown"}, WORD, "Has CI built"),
        (200, {"error": "write /x: no space left on device"}, "", "inv prune --host=aipbx.ru"),
        (500, {"message": "dial tcp: i/o timeout"}, "", "Is the registry up"),
    ],
)
def test_what_is_not_given_says_why(
    engine: type[Engine], docker: Docker, monkeypatch: pytest.MonkeyPatch, status: int, said: Any, token: str, do: str
) -> None:
    monkeypatch.setattr(engine, "status", status)
    monkeypatch.setattr(engine, "said", [{"status": "Pulling"}, said] if status == 200 else [said])
    with pytest.raises(Refused, match="did not give") as refused:
        pulled(IMAGE, token=token)
    assert refused.value.why == next(iter(said.values()))
    assert do in refused.value.do


def test_how_far_it_is_and_when_it_takes_too_long(engine: type[Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    def layer(name: str, done: int) -> dict[str, Any]:
        return {"status": "Downloading", "id": name, "progressDetail": {"current": done, "total": 10}}

    monkeypatch.setattr(engine, "said", [layer("a", 1), layer("b", 2), layer("a", 10), {"status": "Extracting"}])
    assert list(engine_api.pull("r", "t", {}, 60)) == [(1, 10), (3, 20), (12, 20), (12, 20)]
    with pytest.raises(Failed) as late:
        list(engine_api.pull("r", "t", {}, -1))
    assert "did not end within" in late.value.why


def test_the_registry_is_asked_for_what_is_not_here(
    engine: type[Engine], docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image(IMAGE.repository, SHA)
    monkeypatch.setattr(engine, "said", [{"Descriptor": {"digest": DIGEST}}])
    assert offered.look(image, WORD, anyway=False) == {"here": False, "digest": DIGEST, "why": ""}
    assert engine.asked == [
        (f"GET /v1.44/distribution/ghcr.io%2Fteam%2Fbackend%3A{SHA}/json", {"username": "token", "password": WORD})
    ]
    monkeypatch.setattr(engine, "status", 401)
    monkeypatch.setattr(engine, "said", [{"message": "unauthorized"}])
    assert offered.look(image, "", anyway=False)["why"] == "unauthorized"
    docker.here[image.name] = []
    assert offered.look(image, "", anyway=False) == {"here": True, "digest": "", "why": ""}
    assert offered.look(image, "", anyway=True)["why"] == "unauthorized"
