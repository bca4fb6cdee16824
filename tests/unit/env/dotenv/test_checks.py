"""Every problem of an env file at once, named, and none of them showing a secret."""

import pytest

from fleet.env.dotenv import template
from fleet.env.dotenv.checks import Finding, check
from fleet.env.dotenv.dotenv_file import read, written
from fleet.env.variables.table import SECTIONS, VARIABLES, declared

GOOD = {
    "DB_USER": "aipbx_user",
    "DB_NAME": "aipbx_production",
    "DB_PASS": "correct-horse-battery",
    "EXTERNAL_HOST": "203.0.113.20:3032",
    "API_URL": "https://aipbx.org",
    "CLIENT_URL": "https://aipbx.org",
    "FRONTEND_URL": "https://app.aipbx.org",
    "ADMIN_EMAIL": "admin@aipbx.org",
    "TIMEZONE": "Asia/Krasnoyarsk",
    "AIPBX_BOTNAME": "aiPBXBot",
    "PRIVATE_KEY": "0123456789abcdef" * 4,
    "ENCRYPTION_KEY": "fedcba9876543210" * 4,
    "HELPDESK_ENCRYPTION_KEY": "02468ace13579bdf" * 4,
    "OPENAI_API_KEY": "sk-proj-abcdefghijklmnop",
    "STRIPE_SECRET_KEY": "sk_live_abcdefghijklmnop",
}


def found(changes: dict[str, str | None]) -> list[Finding]:
    values = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return check(read(written(values).encode()), "aipbx.org")


def test_a_good_file_has_no_finding() -> None:
    assert found({}) == []


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES.values() if variable.required])
def test_each_required_variable_is_missed(name: str) -> None:
    assert [(finding.name, finding.why) for finding in found({name: None})] == [(name, "is missing")]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("STRIPE_SECRET_KEY", "", "is empty"),
        ("PRIVATE_KEY", "   ", "holds nothing but spaces"),
        ("PRIVATE_KEY", "SECRET", "is a well-known value"),
        ("HELPDESK_ENCRYPTION_KEY", "helpdesk-dev-key", "is a well-known value"),
        ("PRIVATE_KEY", "short", "is too short: 5 characters"),
        ("PRIVATE_KEY", "ab" * 20, "is too simple"),
        ("DB_PASS", "changeme", "still is a placeholder"),
        ("DB_PASS", "xxx", "still is a placeholder"),
        ("DB_PASS", "<generated-strong-password>", "still is a placeholder"),
        ("DB_PASS", "aipbx_production", "is the name of the role"),
        ("OPENAI_API_KEY", "sk-proj-...", "still is a placeholder"),
        ("STRIPE_SECRET_KEY", "pk_live_abcdefghijkl", "is malformed"),
        ("STRIPE_WEBHOOK_SECRET", "whsec", "is malformed"),
        ("EXTERNAL_HOST", "<SERVER_IP>:3032", "still is a placeholder"),
        ("EXTERNAL_HOST", "203.0.113.20", "is malformed"),
        ("EXTERNAL_HOST", "203.0.113.256:3032", "is malformed"),
        ("EXTERNAL_HOST", "203.0.113.20:5060", "ends with port 5060"),
        ("EXTERNAL_HOST", "127.0.0.1:3032", "leads Asterisk to itself"),
        ("ENCRYPTION_KEY", "0123", "is malformed"),
        ("API_URL", "aipbx.org", "is malformed"),
        ("API_URL", "https://aipbx.org:port", "is malformed"),
        ("ADMIN_EMAIL", "admin", "is malformed"),
        ("TIMEZONE", "Moscow", "is malformed"),
        ("TENANT_CURRENCY", "EUR", "is malformed"),
        ("BALANCE_RUNWAY_LOOKBACK_DAYS", "week", "is malformed"),
        ("SENTRY_DSN", "x", "is malformed"),
        ("PORT", "3000", "must be 5005: nginx"),
        ("DB_HOST", "localhost", "must be postgres"),
        ("POSTGRES_DB", "x", "is set by the fleet"),
        ("PRIVATE_KEY", GOOD["ENCRYPTION_KEY"], "is the same as PRIVATE_KEY"),
        ("ALERT_TELEGRAM_CHAT", "-100123", "is of no use without ALERT_TELEGRAM_BOT_TOKEN"),
        ("ALERT_TELEGRAM_BOT_TOKEN", "word" * 10, "is malformed"),
        ("AIPBX_BOTNAME", "undefined", "is the word undefined"),
        ("AIPBX_BOTNAME", "", "is empty"),
        ("SBIS_ACC", "null", "is the word null"),
        ("DEFAULT_TTS_PROVIDER", "NaN", "is the word NaN"),
        ("OFFSITE_S3_ACCESS_KEY_ID", "YCA1", "is of no use without OFFSITE_S3_SECRET_ACCESS_KEY"),
    ],
)
def test_errors(name: str, value: str, said: str) -> None:
    problems = found({name: value})
    assert [finding for finding in problems if finding.grave and said in finding.why], problems


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("API_URL", "https://aipbx.net", "leads to aipbx.net, and this is aipbx.org"),
        ("CLIENT_URL", "http://aipbx.org", "is not https://"),
        ("EXTERNAL_HOST", "rtp.aipbx.org:3032", "is a name"),
        ("EXTERNAL_HOST", "10.0.0.5:3032", "is a private address"),
        ("DEEPSEEK_API_KEY", "sk-0123456789", "is not read by any service"),
        ("CLOSING_AUTO_SEND_EDO", "true", "is not read by any service"),
        ("STRIPE_SECRET_KY", "sk_live_abcdefghijklmnop", "is not declared"),
        ("OPENAI_KEY", "sk-proj-abcdefghijklmnop", "is not declared"),
        ("SOMETHING_ELSE", "1", "is not declared"),
        ("OPENAI_API_KEY", "sk-proj-abcdefghijklmnop ", "begins or ends with a space"),
        ("OPENAI_API_KEY", "sk-proj-abcdefghijkl\u200bmnop", "invisible character U+200B"),
    ],
)
def test_warnings_do_not_stop_a_push(name: str, value: str, said: str) -> None:
    problems = found({name: value})
    assert [finding for finding in problems if said in finding.why], problems
    assert not [finding for finding in problems if finding.grave], problems


def test_a_wrong_name_is_met_with_the_right_one() -> None:
    assert "did you mean STRIPE_SECRET_KEY?" in found({"STRIPE_SECRET_KY": "x"})[0].do


def test_a_member_of_a_family_is_known() -> None:
    assert found({"ROBOKASSA_SOMETHING_NEW": "1"}) == []


@pytest.mark.parametrize("name", ["FRONTEND_YANDEX_METRIKA_ID", "FRONTEND_SOMETHING_NEW", "INVOICE_NUMBER_PREFIX"])
def test_what_is_public_is_no_weak_secret(name: str) -> None:
    assert found({name: "12345678"}) == []
    assert declared(name).secret is False


@pytest.mark.parametrize("name", ["SENTRY_SOMETHING_NEW", "JWT_SECRET", "AMI_PASS"])
def test_what_may_be_a_secret_is_one(name: str) -> None:
    assert [finding.why for finding in found({name: "password"})] == ["is a well-known value"]


def test_a_host_whose_pbx_keys_were_encrypted_with_another_key_keeps_it() -> None:
    missing = found({"HELPDESK_ENCRYPTION_KEY": None, "JWT_SECRET": "0123456789abcdef" * 4})
    assert [(finding.name, finding.do[:32]) for finding in missing] == [
        ("HELPDESK_ENCRYPTION_KEY", "give it the value of JWT_SECRET,")
    ]


def test_openai_may_be_set_to_nothing() -> None:
    assert found({"OPENAI_API_KEY": ""}) == []


def test_all_problems_at_once_in_the_order_of_the_file() -> None:
    problems = found({"DB_USER": "A-b", "API_URL": "x", "PRIVATE_KEY": "s", "TIMEZONE": None})
    assert [finding.name for finding in problems] == ["DB_USER", "API_URL", "PRIVATE_KEY", "TIMEZONE"]


def test_no_finding_shows_a_value() -> None:
    problems = found({name: "hunter2" for name, variable in VARIABLES.items() if not variable.ours})
    assert len(problems) > 20
    assert not any("hunter2" in f"{finding}" for finding in problems)


def test_a_new_file_lacks_only_what_only_the_operator_knows() -> None:
    text = template.new_file("aipbx.org", {"EXTERNAL_HOST": "203.0.113.20:3032"})
    problems = check(read(text.encode()), "aipbx.org")
    assert {(finding.name, finding.why) for finding in problems} == {
        (name, "still is a placeholder") for name in ("ADMIN_EMAIL", "OPENAI_API_KEY", "STRIPE_SECRET_KEY")
    }


def test_two_new_files_share_no_secret() -> None:
    first, second = (read(template.new_file("aipbx.org", {}).encode()).values for _ in range(2))
    made = [name for name, variable in VARIABLES.items() if variable.generate]
    assert len(made) == 4
    assert not {first[name] for name in made} & {second[name] for name in made}


def test_every_default_is_accepted_by_its_own_format() -> None:
    for variable in VARIABLES.values():
        if variable.default:
            assert variable.format.accepts(variable.default.format(host="aipbx.org")), variable.name


def test_each_variable_is_declared_once() -> None:
    names = [variable.name for section in SECTIONS for variable in section.variables]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("weak", ["aB3$xY9", "password", "aaaaaaaaaaaaaaaa"])
def test_a_weak_password_that_a_push_cannot_change_is_a_warning(weak: str) -> None:
    """A host that was installed by hand may have one: an error would only keep it from being taken over."""
    assert [finding.grave for finding in found({"DB_PASS": weak})] == [False]
    assert [finding.grave for finding in found({"PRIVATE_KEY": weak})] == [True]
