"""Story: someone starts a container with a careless `ports:` line. From outside, only what is declared is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab import wait
from lab.machines.host import Host
from lab.running import Running
from tests.lab.conftest import Converge
from tests.lab.pyinfra_run import Bootstrap

WEB = "python3 -u -m http.server %d --bind ::"
# Answers every datagram with the sender's address, as seen inside the container.
ECHO = (
    'python3 -u -c \'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 3032));'
    "\nwhile True:\n  data, who = s.recvfrom(99); s.sendto(who[0].encode(), who)'"
)
CONTAINERS = {
    "nginx": ("-p 80:8080 -p 443:8080", WEB % 8080),
    "backend": ("-p 3032:3032/udp -p 3034:3032/udp", ECHO),
    "careless": ("-p 9090:9090 -p 9443:80", WEB % 9090),
    "careless80": ("-p 9091:80 -p 5432:80/udp", WEB % 80),
}
ASK_UDP = (
    "python3 -c 'import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3);"
    ' s.sendto(b"?", (sys.argv[1], int(sys.argv[2]))); print(s.recv(99).decode())\' %s %d'
)
# A call: a packet now and then, until it is ended. Its flow is live for 30 s after the last one.
CALL = (
    "timeout 300 python3 -c 'import socket, sys, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
    ' [(s.sendto(b"?", (sys.argv[1], 3032)), time.sleep(2)) for _ in range(150)]\' %s'
)
INTERESTING = "1-1024,3000-3040,5005,5432,8080,9090-9100,9443"


@pytest.fixture(scope="module")
def busy(lab: Running, converge: Converge) -> Iterator[Host]:
    """A converged host with aiPBX's ports in use, and careless containers beside."""
    converge("aipbx.net")
    host = lab.host("aipbx.net")
    for name, (ports, program) in CONTAINERS.items():
        host.run(f"docker rm -f {name} 2>/dev/null; docker run -d --restart unless-stopped --name {name} {ports} "
                 f"python:3.13-slim {program}", timeout=180)  # fmt: skip
    host.run("docker network create other; docker run -d --restart unless-stopped --name composed --network other "
             f"-p 9092:80 python:3.13-slim {WEB % 80}", timeout=180)  # fmt: skip
    yield host
    host.run(f"docker rm -f composed {' '.join(CONTAINERS)}; docker network rm other")


def echoed(lab: Running, host: Host, port: int) -> None:
    """Wait until a port of the backend answers with the client's own address."""
    call = ASK_UDP % (host.address4, port)

    def answered() -> bool:
        return lab.client.run(call, check=False).stdout.strip() == lab.client.address4

    wait.until(answered, 30, f"port {port} answers", "docker logs backend")


def reached(lab: Running, host: Host) -> None:
    """Assert what the internet sees of the host."""
    client = lab.client
    for address in (host.address4, host.address6):
        open_ports = {port for port, state in client.scan_tcp(address, INTERESTING).items() if state != "filtered"}
        assert open_ports == {22, 80, 443}, address
    # A program in a container that runs may still be starting.
    page = f"curl -sS -m 5 -o /dev/null -w '%{{http_code}}' http://{host.address4}/"
    wait.until(lambda: client.run(page, check=False).stdout == "200", 30, "the page is there", "docker logs nginx")
    for port in (3032, 3034):
        echoed(lab, host, port)
    # nginx sees the client's own address too.
    seen = f"docker logs nginx 2>&1 | grep -qF '{client.address4} - -'"
    wait.until(lambda: host.run(seen, check=False).returncode == 0, 10, "nginx sees the client", "docker logs nginx")
    # Containers reach out, and find names.
    out = "docker exec nginx curl -sS -m 10 -o /dev/null -w '%{http_code}' http://deb.debian.org/debian/dists/trixie/Release"
    assert host.run(out).stdout == "200"


def docker_answers(host: Host) -> bool:
    """Whether the daemon runs, and every container with it."""
    running = host.run("docker ps -q | wc -l", check=False).stdout.strip()
    return running == str(len(CONTAINERS) + 1)


EVENTS: dict[str, Callable[[Host], object]] = {
    "as it was started": lambda _: None,
    "after a restart of Docker": lambda host: host.run("systemctl restart docker", timeout=120),
    "after a restart of UFW": lambda host: host.run("systemctl restart ufw"),
    "after ufw reload": lambda host: host.run("ufw reload"),
    "after restarts of both": lambda host: host.run("systemctl restart ufw docker", timeout=120),
    "after a reboot": lambda host: host.restart(),
}
REPRESENTATIVE = {"as it was started", "after a reboot"}


@pytest.mark.parametrize(
    "event",
    [event if event in REPRESENTATIVE else pytest.param(event, marks=pytest.mark.test_all) for event in EVENTS],
)
def test_only_what_is_declared_is_open(lab: Running, busy: Host, event: str) -> None:
    EVENTS[event](busy)
    wait.until(lambda: docker_answers(busy), 60, "Docker and its containers run", "look at `docker ps` on the host")
    reached(lab, busy)


@pytest.mark.test_all
def test_every_tcp_port_of_both_ip_versions(lab: Running, busy: Host) -> None:
    def scanned(address: str) -> dict[int, str]:
        return lab.client.scan_tcp(address, "1-65535", timeout=300)

    addresses = (busy.address4, busy.address6)
    with ThreadPoolExecutor() as pool:
        for address, states in zip(addresses, pool.map(scanned, addresses), strict=True):
            assert {port for port, state in states.items() if state != "filtered"} == {22, 80, 443}, address


def test_a_neighbour_cannot_reach_a_container_by_its_own_address(lab: Running, busy: Host) -> None:
    inside = busy.run("docker inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' careless").stdout.strip()
    client = lab.client
    client.run(f"ip route replace {inside}/32 via {busy.address4}")
    try:
        assert client.run(f"curl -sS -m 3 http://{inside}:9090/", check=False).returncode != 0
    finally:
        client.run(f"ip route del {inside}/32")


STRANGERS = (
    "iptables -I FORWARD -j ACCEPT",
    "ip6tables -I FORWARD -j ACCEPT",
    'iptables -I DOCKER-USER -m comment --comment "it\'s mine" -j ACCEPT',
    "iptables -A INPUT -p tcp --dport 9099 -j ACCEPT",
    "ip6tables -I INPUT -p tcp --dport 9099 -j ACCEPT",
    "iptables -t nat -I PREROUTING -p tcp --dport 9098 -j REDIRECT --to-ports 22",
)


@pytest.mark.test_all
def test_rules_of_others_are_drift_and_go(lab: Running, busy: Host, bootstrap: Bootstrap) -> None:
    firewall = bootstrap.only("firewall")
    for stranger in STRANGERS:
        busy.run(stranger)
    through = lab.client.scan_tcp(busy.address4, INTERESTING)
    assert {port for port, state in through.items() if state != "filtered"} >= {9090, 9092, 9098, 9099}, "they do open"
    assert firewall.dry("--limit", busy.name).changes == ["Firewall: apply UFW rules, reverted if no login succeeds"]
    firewall("-y", "--limit", busy.name).succeeded()
    reached(lab, busy)
    assert firewall.dry("--limit", busy.name).changes == []


def test_a_container_cannot_ask_the_cloud_who_we_are(lab: Running, busy: Host) -> None:
    client, service = lab.client, "169.254.169.254"
    client.run(f"ip addr replace {service}/32 dev lo")
    client.run(f"for port in 80 53; do (python3 -m http.server $port --bind {service} >/dev/null 2>&1 &); done")
    busy.run(f"ip route replace {service}/32 via {client.address4}")
    ask = f"curl -sS -m 5 -o /dev/null http://{service}:%d/"
    try:
        both = f"{ask % 80} && {ask % 53}"
        wait.until(lambda: busy.run(both, check=False).returncode == 0, 30, "the service answers", "look at client")
        assert busy.run(f"docker exec nginx {ask % 80}", check=False).returncode == 7  # refused, at once
        assert busy.run(f"docker exec nginx {ask % 53}").returncode == 0
    finally:
        busy.run(f"ip route del {service}/32")
        client.run(f"pkill -f '[b]ind {service}'; ip addr del {service}/32 dev lo")


@pytest.mark.test_all
def test_rtp_can_be_limited_to_the_pbx_and_the_web_to_cloudflare(
    lab: Running, busy: Host, bootstrap: Bootstrap
) -> None:
    client, elsewhere, firewall = lab.client, "192.0.2.77", bootstrap.only("firewall")
    web = f"curl -sS -m 5 -o /dev/null http://{busy.address4}/"

    def limited_to(address: str) -> None:
        data = [f'pbx_addresses=["{address}/32"]', f'cloudflare_ranges=["{address}/32"]']
        data += ["cloudflare=true", "web_from_cloudflare_only=true"]
        firewall("-y", "--limit", busy.name, *(word for each in data for word in ("--data", each))).succeeded()

    try:
        limited_to(elsewhere)
        assert client.run(ASK_UDP % (busy.address4, 3032), check=False).returncode != 0
        assert client.run(web, check=False).returncode == 28
        limited_to(client.address4)
        assert client.run(ASK_UDP % (busy.address4, 3032)).stdout.strip() == client.address4
        client.run(web)
    finally:
        firewall("-y", "--limit", busy.name).succeeded()
    reached(lab, busy)


def test_docker_is_not_restarted_under_a_call(lab: Running, busy: Host, bootstrap: Bootstrap) -> None:
    docker = bootstrap.only("docker")
    started = busy.run("systemctl show -p ExecMainStartTimestampMonotonic docker").stdout
    lab.client.run(f"({CALL % busy.address4}) >/dev/null 2>&1 & echo $! >/run/call")
    live = "conntrack -L -p udp --orig-port-dst 3032 2>/dev/null | grep -q ."
    try:
        wait.until(lambda: busy.run(live, check=False).returncode == 0, 30, "the call is live", live)
        refused = docker("-y", "--limit", busy.name, "--data", "docker_log_files=7").refused(
            "RTP flows are live on this host.", "docker_restart_during_calls=true"
        )
        assert "Error" in refused.output
        assert busy.run("systemctl show -p ExecMainStartTimestampMonotonic docker").stdout == started
        docker("-y", "--limit", busy.name, "--data", "docker_restart_during_calls=true").succeeded()
    finally:
        lab.client.run("pkill --parent $(cat /run/call) || kill $(cat /run/call)")
    assert busy.run("systemctl show -p ExecMainStartTimestampMonotonic docker").stdout != started
    # live-restore: the containers did not notice.
    assert docker_answers(busy)
    assert docker.dry("--limit", busy.name).changes == []
