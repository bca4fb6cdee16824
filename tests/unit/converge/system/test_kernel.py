"""Kernel settings, as a file and as values."""

from fleet.converge.system import kernel

FILE = "# why\n-net.core.rmem_max = 100\nnet.ipv4.ip_forward = 1\n\n"


def test_parses_settings_and_which_may_be_refused() -> None:
    assert kernel.parse(FILE) == {"net.core.rmem_max": ("100", True), "net.ipv4.ip_forward": ("1", False)}


def test_reads_the_fact() -> None:
    output = ["==file -", *FILE.splitlines(), "==values -", "net/ipv4/ip_forward=0", "net/ipv4/tcp_rmem=4096\t8192"]
    state = kernel.KernelSettings().process(output)
    assert state.text == FILE
    assert state.values == {"net.ipv4.ip_forward": "0", "net.ipv4.tcp_rmem": "4096 8192"}
