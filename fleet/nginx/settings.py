"""nginx's configuration as a set of files: which there are, and what a host's data make of them."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from aipbx_agent import contract
from fleet import templates
from fleet.checkout import ROOT
from fleet.inventory.settings import Settings

TEMPLATES = ("nginx.conf", "plain.conf", "https.conf", "headers.conf", "proxied.conf")
SHIPPED = ROOT / "files" / "nginx"
REVISION = "revision.conf"
# Open to the internet beside SSH, for the host and for what containers publish.
HTTP_PORT, HTTPS_PORT = 80, 443
WEB_PORTS = [HTTP_PORT, HTTPS_PORT]
# On every response, also errors and files.
SECURITY_HEADERS = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    # Off: the filter that old browsers had could be turned against the page.
    "X-XSS-Protection": "0",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}
# Beside them on a staging host: its pages are not for search engines.
NOT_INDEXED = {"X-Robots-Tag": "noindex, nofollow"}
# Where browsers send reports of a policy on trial.
REPORTS = "/.aipbx/csp-report"


def names(host_name: str, settings: Settings) -> list[str]:
    """Return the names that a host answers for; the first is its own, and its certificate's."""
    return list(dict.fromkeys([host_name, f"www.{host_name}", *settings.extra_names]))


def policy(settings: Settings) -> str:
    """Return the Content-Security-Policy of a host's data, as the header has it; on trial, it says where reports go."""
    directives = dict(settings.content_security_policy)
    if settings.csp_report_only:
        directives["report-uri"] = [*directives.get("report-uri", []), REPORTS]
    return "; ".join(" ".join([name, *sources]) for name, sources in directives.items())


def hsts(settings: Settings) -> str:
    """Return the value of Strict-Transport-Security; empty when it is not to be sent."""
    if not settings.hsts_max_age_seconds:
        return ""
    parts = [f"max-age={settings.hsts_max_age_seconds}"]
    parts += ["includeSubDomains"] * settings.hsts_include_subdomains + ["preload"] * settings.hsts_preload
    return "; ".join(parts)


def files(host_name: str, settings: Settings) -> dict[str, str]:
    """Every file of nginx's folder but the deploy's own: text by path below the folder.

    nginx serves the revision, a hash of all the others, inside its container: it shows which configuration nginx has
    read (files/proxy/nginx.sh).
    """
    security_headers = SECURITY_HEADERS | (NOT_INDEXED if settings.staging else {})
    csp_header = "Content-Security-Policy" + "-Report-Only" * settings.csp_report_only
    texts = {
        name: templates.render(
            f"nginx/{name}.j2",
            settings=settings,
            host_name=host_name,
            names=names(host_name, settings),
            csp=policy(settings),
            csp_header=csp_header,
            reports=REPORTS,
            contract=contract,
            hsts=hsts(settings),
            security_headers=security_headers,
            hidden_headers=[
                *security_headers,
                "Content-Security-Policy",
                "Content-Security-Policy-Report-Only",
                "Strict-Transport-Security",
                "X-Powered-By",
            ],
        )
        for name in TEMPLATES
    }
    texts |= {
        _relative(path): path.read_text(encoding="utf-8") for path in sorted(SHIPPED.rglob("*")) if path.is_file()
    }
    return {**texts, REVISION: f'return 200 "{revision(texts)}\\n";\n'}


def revision(texts: dict[str, str]) -> str:
    """Return a short hash of these files, whatever their order."""
    return sha256(repr(sorted(texts.items())).encode()).hexdigest()[:16]


def _relative(path: Path) -> str:
    return path.relative_to(SHIPPED).as_posix()
