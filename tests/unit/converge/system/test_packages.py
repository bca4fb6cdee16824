"""Packages: what dpkg says, and what apt is told."""

from fleet.converge.system.packages import InstalledVersions, install


def test_only_fully_installed_packages_count() -> None:
    output = ["docker-ce 5:1 installed", "docker-ce-cli 5:1 half-configured", "containerd.io  not-installed"]
    assert InstalledVersions().process(output) == {"docker-ce": "5:1"}


def test_apt_gets_every_option_so_that_it_asks_nothing() -> None:
    assert install(["docker-ce=5:29.8.1-1~debian.13~trixie", "cron"]) == (
        "DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --allow-downgrades "
        "--allow-change-held-packages -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "
        "'docker-ce=5:29.8.1-1~debian.13~trixie' cron"
    )
