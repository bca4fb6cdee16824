"""Which certificate nginx's configuration serves for a name."""

import pytest

from fleet.adoption.certificate import Served, parse

SERVER = """
server {{
    listen 443 ssl;
    server_name {names};
    ssl_certificate     {chain}; # ssl_certificate /none;
    ssl_certificate_key "{key}";
    location / {{ proxy_pass http://frontend:80; }}
}}
"""
PLAIN = "server { listen 80; server_name aipbx.org; }\n# server { ssl_certificate /a; ssl_certificate_key /b; }\n"
GPU = SERVER.format(names="gpu.aipbx.net", chain="/etc/nginx/ssl/gpu.crt", key="/etc/nginx/ssl/gpu.key")
OWN = SERVER.format(names="www.aipbx.net aipbx.net", chain="/etc/nginx/ssl/a.crt", key="/etc/nginx/ssl/a.key")


def test_the_server_of_the_name_goes_before_the_first() -> None:
    assert parse(PLAIN + GPU + OWN, "aipbx.net") == Served("/etc/nginx/ssl/a.crt", "/etc/nginx/ssl/a.key")
    assert parse(PLAIN + GPU, "aipbx.net") == Served("/etc/nginx/ssl/gpu.crt", "/etc/nginx/ssl/gpu.key")


def test_without_tls_there_is_none() -> None:
    assert parse(PLAIN, "aipbx.org") is None
    assert parse("", "aipbx.org") is None


@pytest.mark.parametrize(
    ("chain", "source"),
    [("/etc/letsencrypt/live/aipbx.org/fullchain.pem", "letsencrypt"), ("/etc/nginx/ssl/fullchain.pem", "supplied")],
)
def test_where_it_comes_from(chain: str, source: str) -> None:
    assert Served(chain, "key").source == source
