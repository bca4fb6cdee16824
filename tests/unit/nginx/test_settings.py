"""nginx's configuration as a host's data make it; read by gixy, as it would be by a reviewer."""

from __future__ import annotations

import re
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from fleet.inventory import hosts, settings
from fleet.nginx import settings as nginx_settings

HOSTS = {host.name: host.data for host in hosts.load()}


def files(name: str = "aipbx.ru", **changes: Any) -> dict[str, str]:
    return nginx_settings.files(name, settings.of_host(name, HOSTS[name] | changes))


@pytest.mark.parametrize(("name", "trial"), [*((name, False) for name in HOSTS), ("aipbx.ru", True)])
def test_gixy_finds_nothing(name: str, trial: bool, tmp_path: Path) -> None:
    lay_out(tmp_path, files(name, csp_report_only=trial))
    done = subprocess.run(
        [Path(sys.executable).with_name("gixy"), str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "No issues found." in done.stdout, done.stdout


def lay_out(folder: Path, found: dict[str, str]) -> None:
    """The files as nginx sees them, with the ones that others write, below `folder` instead of /etc/nginx."""
    found = found | {
        "active/backend-blue": "",
        "tls/current/https.conf": "include /etc/nginx/aipbx/https.conf;\n",
        "mime.types": "types { text/html html; }\n",
    }
    for name, text in found.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            text.replace("/etc/nginx/aipbx/", f"{folder}/")
            .replace("/etc/nginx/tls/", f"{folder}/tls/")
            .replace("/etc/nginx/mime.types", f"{folder}/mime.types")
        )


def test_gixy_would_complain(tmp_path: Path) -> None:
    broken = files()
    broken["https.conf"] = broken["https.conf"].replace("        include /etc/nginx/aipbx/headers.conf;\n", "")
    lay_out(tmp_path, broken)
    done = subprocess.run(
        [Path(sys.executable).with_name("gixy"), str(tmp_path / "nginx.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "add_header_redefinition" in done.stdout, done.stdout


def levels(text: str) -> list[str]:
    """Each block's own directives: what is in it, without the blocks inside."""
    found, open_blocks = [], [""]
    for line in text.splitlines():
        if line.rstrip().endswith("{"):
            open_blocks.append("")
        elif line.strip() == "}":
            found.append(open_blocks.pop())
        else:
            open_blocks[-1] += f"{line}\n"
    return [*found, *open_blocks]


@pytest.mark.parametrize("name", ["nginx.conf", "plain.conf", "https.conf", "pages.conf"])
def test_each_location_with_a_header_has_the_security_headers(name: str) -> None:
    for level in levels(files()[name]):
        if re.search(r"^\s*add_header ", level, re.MULTILINE):
            assert "include /etc/nginx/aipbx/headers.conf;" in level, level


def test_every_server_has_the_security_headers() -> None:
    for name in ("nginx.conf", "plain.conf", "https.conf"):
        for level in levels(files()[name]):
            if re.search(r"^\s*server_name ", level, re.MULTILINE) and "return 444" not in level:
                assert "include /etc/nginx/aipbx/headers.conf;" in level, level


def test_headers_are_sent_with_errors_too_and_hidden_from_upstream() -> None:
    found = files()
    added = re.findall(r"^add_header (\S+) .*$", found["headers.conf"], re.MULTILINE)
    assert added == [
        "X-Frame-Options",
        "X-Content-Type-Options",
        "X-XSS-Protection",
        "Referrer-Policy",
        "Content-Security-Policy",
        "Strict-Transport-Security",
    ]
    assert all(line.endswith(" always;") for line in found["headers.conf"].splitlines() if line.startswith("add_"))
    for name in added:
        assert f"proxy_hide_header {name};" in found["proxied.conf"]


def test_the_policy_frames_stripe() -> None:
    assert re.search(r"frame-src [^;]*https://js\.stripe\.com", files()["headers.conf"])


def test_a_policy_on_trial_blocks_nothing_and_is_reported() -> None:
    headers = files(csp_report_only=True)["headers.conf"]
    assert "add_header Content-Security-Policy-Report-Only " in headers
    assert "add_header Content-Security-Policy " not in headers
    assert f'; report-uri {nginx_settings.REPORTS}"' in headers
    assert "report-uri" not in files()["headers.conf"]
    own = {"report-uri": ["https://reports.example/csp"]}
    headers = files(csp_report_only=True, content_security_policy=own)["headers.conf"]
    assert f'"report-uri https://reports.example/csp {nginx_settings.REPORTS}"' in headers


def test_reports_are_taken_within_limits_and_only_on_trial() -> None:
    text = files(csp_report_only=True)["https.conf"]
    location = re.search(rf"location = {nginx_settings.REPORTS} {{(.*?)\n    }}", text, re.DOTALL)
    assert location
    for limit in ("limit_req zone=csp burst=60 nodelay;", "client_max_body_size 16k;", "limit_except POST {"):
        assert limit in location[1]
    assert "csp-report" not in "".join(text for name, text in files().items() if name.endswith(".conf"))


def test_of_a_report_no_query_and_nothing_long_is_logged() -> None:
    patterns = re.findall(r"'~(.*)' \$csp", files(csp_report_only=True)["nginx.conf"])
    report = (
        '{"csp-report":{"document-uri":"https://aipbx.ru/reset?token=x","referrer":"","violated-directive":'
        '"script-src-elem","effective-directive":"script-src-elem","original-policy":"default-src \'self\'",'
        f'"disposition":"report","blocked-uri":"https://cdn.example/{"x" * 900}.js","status-code":200}}}}'
    )
    found = [re.search(pattern.replace("?<", "?P<"), report) for pattern in patterns]
    directive, blocked, page = (match[1] for match in found if match)
    assert (directive, page) == ("script-src-elem", "https://aipbx.ru/reset")
    assert len(blocked) == 300
    assert not re.match(patterns[2].replace("?<", "?P<"), '"document-uri":"\x1b[2J'), "nothing that a terminal obeys"


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, "max-age=31536000"),
        ({"hsts_max_age_seconds": 0}, ""),
        (
            {"hsts_max_age_seconds": 63072000, "hsts_include_subdomains": True, "hsts_preload": True},
            "max-age=63072000; includeSubDomains; preload",
        ),
    ],
)
def test_hsts_is_data(changes: dict[str, Any], sent: str) -> None:
    assert f'on "{sent}";' in files(**changes)["nginx.conf"]


def test_a_request_line_with_its_query_is_in_no_log() -> None:
    found = files()
    (http,) = (level for level in levels(found["nginx.conf"]) if "log_format" in level)
    assert re.findall(r"error_log .*", http) == ["error_log stderr crit;"], "else nginx reports each request it limits"
    assert "error_log" not in "".join(text for name, text in found.items() if name != "nginx.conf")
    logged = " ".join(re.findall(r"log_format aipbx ([^;]*);", http))
    assert set(re.findall(r"\$\w+", logged)) & {"$request", "$request_uri", "$args", "$http_referer"} == set()
    for instead in ("$upstream_addr", "$upstream_status", "$limit_req_status", "$limit_conn_status"):
        assert instead in logged


def test_cloudflare_is_believed_only_where_the_host_is_behind_it() -> None:
    behind, plain = files("aipbx.org")["nginx.conf"], files("aipbx.ru")["nginx.conf"]
    assert "set_real_ip_from 173.245.48.0/20;" in behind
    assert "set_real_ip_from 2400:cb00::/32;" in behind
    assert "real_ip_header CF-Connecting-IP;" in behind
    assert "real_ip" not in plain


def test_what_a_client_says_of_its_address_is_never_handed_on() -> None:
    assert "proxy_add_x_forwarded_for" not in "".join(files().values())
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in files()["proxied.conf"]


def test_no_name_is_resolved_when_nginx_starts() -> None:
    passed = re.findall(r"proxy_pass (\S+);", files()["https.conf"])
    assert sorted(set(passed)) == ["http://$backend:3033", "http://$backend:5005", "http://$frontend:8080"]


def test_names_are_the_hosts_own_www_and_what_data_add() -> None:
    assert (
        "server_name aipbx.net www.aipbx.net gpu.aipbx.net;"
        in (files("aipbx.net", extra_names=["gpu.aipbx.net", "aipbx.net"])["https.conf"])
    )


def test_every_limit_is_a_clients_not_an_addresses() -> None:
    found = files(connections_per_client=7)
    zones = re.findall(r"limit_(?:req|conn)_zone (\S+) zone=(\w+)", found["nginx.conf"])
    assert zones == [("$client", "api"), ("$client", "login"), ("$client", "connections")]
    assert found["https.conf"].count("limit_conn ") == found["https.conf"].count("limit_conn connections 7;") == 1


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:a::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff:a0a:a0a:d", "2001:db8:1:2::"),
        ("a0a:a0a:a0a:a0a:a0a:a0a:a0a:a0a", "a0a:a0a:a0a:a0a::"),
    ],
)
def test_a_client_is_an_address_or_a_network_of_ipv6(address: str, client: str) -> None:
    pattern = re.search(r'"~(\S+)" \$network;', files()["nginx.conf"])
    assert pattern
    packed = ip_address(address).packed
    found = re.search(pattern[1].replace("?<", "?P<").encode(), packed)
    assert (found["network"] if found else packed) == ip_address(client).packed[: 8 if ":" in client else 4]


def test_each_login_path_is_whole_and_limited() -> None:
    text = files()["https.conf"]
    for path in ("/api/auth/login", "/api/auth/activation", "/api/auth/signup"):
        location = re.search(rf'location ~\* "\^{path}/\?\$" {{(.*?)}}', text, re.DOTALL)
        assert location
        assert "limit_req zone=login burst=5 nodelay;" in location[1]
        assert "proxy_pass http://$backend:5005;" in location[1]


def test_the_revision_changes_with_any_file() -> None:
    assert files()[nginx_settings.REVISION] == files()[nginx_settings.REVISION]
    assert files()[nginx_settings.REVISION] != files(connections_per_client=71)[nginx_settings.REVISION]
    assert re.fullmatch(r'return 200 "[0-9a-f]{16}\\n";\n', files()[nginx_settings.REVISION])


def test_names_of_any_legal_length_have_room() -> None:
    """nginx keeps a name with two pointers beside it, and refuses one that fills a bucket."""
    bucket = re.search(r"server_names_hash_bucket_size (\d+);", files()["nginx.conf"])
    assert bucket
    assert int(bucket[1]) >= 253 + 3 * 8


def test_a_path_that_may_take_longer_has_its_own_time_and_all_else_of_the_api() -> None:
    text = files(slow_paths={"/api/slow/": 900})["https.conf"]
    slow, api = (text.partition(f"location {path} {{")[2].partition("}")[0] for path in ("/api/slow/", "/api/"))
    assert "proxy_read_timeout 900s;" in slow
    assert slow == api.replace("proxy_read_timeout 120s;", "proxy_read_timeout 900s;")


def test_a_staging_host_is_not_indexed() -> None:
    header = 'add_header X-Robots-Tag "noindex, nofollow" always;'
    assert header not in files()["headers.conf"]
    found = files(staging=True, web_from=["198.51.100.7"])
    assert header in found["headers.conf"]
    assert "proxy_hide_header X-Robots-Tag;" in found["proxied.conf"]
