"""What of nginx's folder is read, and how it is replaced."""

from fleet.converge.files import nginx
from fleet.converge.files.nginx import NginxState


def test_reads_the_fact() -> None:
    output = ["==file nginx.conf", "events {}", "==file pages/a.html", "<p>", "", "==stale -"]
    assert nginx.Nginx().process(output) == NginxState(
        {"nginx.conf": "events {}\n", "pages/a.html": "<p>\n\n"}, stale=True
    )
    assert nginx.Nginx().process([]) == NginxState()


STAGE, NGINX = "/var/lib/aipbx/stage/nginx", "/app/aipbx/nginx"


def test_the_revision_is_the_last_to_be_put_in_place() -> None:
    assert nginx.put_in_place(NGINX, ["revision.conf", "z.conf"]) == (
        f"install -D -o root -g root -m 644 {STAGE}/z.conf {NGINX}/z.conf.new"
        f" && mv -fT {NGINX}/z.conf.new {NGINX}/z.conf"
        f" && install -D -o root -g root -m 644 {STAGE}/revision.conf {NGINX}/revision.conf.new"
        f" && mv -fT {NGINX}/revision.conf.new {NGINX}/revision.conf"
    )


def test_the_whole_folder_is_tested_with_the_deploys_own_file() -> None:
    assert nginx.tested("/app/aipbx/nginx") == (
        "chmod -R u=rwX,go=rX /var/lib/aipbx/stage/nginx && if [ -d /app/aipbx/nginx/active ]; then"
        " cp -a /app/aipbx/nginx/active /var/lib/aipbx/stage/nginx/active; fi"
        " && /usr/local/lib/aipbx/nginx.sh test /var/lib/aipbx/stage/nginx"
    )
