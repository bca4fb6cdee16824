"""The command lines that are measured."""

from pathlib import Path

from bench import commands


def test_pyinfra_converges_as_an_operator_types_it() -> None:
    assert commands.pyinfra(Path("/v/bin"), ["a", "b"]) == [
        "/v/bin/pyinfra",
        "-y",
        "--json",
        "--limit=a",
        "--limit=b",
        "inventory.py",
        "deploys/bootstrap.py",
    ]


def test_pyinfra_dry_changes_nothing() -> None:
    command = commands.pyinfra(Path("/v/bin"), ["a"], dry=True)
    assert "--dry" in command
    assert "-y" not in command


def test_ansible_gets_whether_the_host_is_fresh() -> None:
    command = commands.ansible(Path("/v"), Path("/i.json"), Path("/p.yml"), ["a", "b"], first_contact=True)
    assert command == [
        "/v/bin/ansible-playbook",
        "--inventory=/i.json",
        "--limit=a,b",
        '--extra-vars={"first_contact": true}',
        "/p.yml",
    ]


def test_ansible_sees_our_configuration_and_nothing_of_the_operators() -> None:
    environment = commands.ansible_environment(
        {"PATH": "/bin", "ANSIBLE_FORKS": "1", "LC_ALL": "C"},
        Path("/with space/ssh_config"),
        Path("/home"),
        Path("/c"),
        Path("/ansible.cfg"),
    )
    assert environment == {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": "/ansible.cfg",
        "ANSIBLE_HOME": "/home",
        "ANSIBLE_SSH_COMMON_ARGS": "-F '/with space/ssh_config'",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": "/c",
    }


def test_a_kept_connection_is_closed_by_its_socket() -> None:
    assert commands.close_connection(Path("/c/1")) == [
        "ssh",
        "-F",
        "none",
        "-o",
        "ControlPath=/c/1",
        "-O",
        "exit",
        "lab",
    ]


def test_every_package_of_ansible_is_checked_against_its_hash() -> None:
    make, install = commands.make_venv("/usr/bin/python3", Path("/v"), Path("/lock"))
    assert make == ["/usr/bin/python3", "-m", "venv", "--clear", "/v"]
    assert install[0] == "/v/bin/pip"
    assert install[-4:] == ["--no-deps", "--require-hashes", "--requirement", "/lock"]
