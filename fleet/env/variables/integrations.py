"""The variables of services that aiPBX talks to: all optional; without them that part does not work."""

from __future__ import annotations

from fleet.env.variables.declaration import Family, Section, Variable
from fleet.env.variables.formats import (
    BOOLEAN,
    CHAT,
    HOST,
    MAIL,
    PORT,
    REDIS_URL,
    SOCKET_URL,
    STRIPE_HOOK,
    STRIPE_PUBLIC,
    TEXT,
    URL,
    WHOLE,
    WORD,
    choice,
)

PAYMENTS = Section(
    "Payments",
    (
        Variable(
            name="STRIPE_WEBHOOK_SECRET",
            help="Proves that a payment notice is Stripe's.",
            secret=True,
            format=STRIPE_HOOK,
        ),
        Variable(name="ROBOKASSA_MERCHANT_LOGIN", help="Shop's name at Robokassa (aipbx.ru).", exclusive=True),
        Variable(name="ROBOKASSA_PASSWORD_1", help="Robokassa's first password.", secret=True, least=8),
        Variable(name="ROBOKASSA_PASSWORD_2", help="Robokassa's second password.", secret=True, least=8),
        Variable(name="ROBOKASSA_TEST_MODE", help="Payments at Robokassa are play.", format=BOOLEAN),
        Variable(
            name="ALFAWEBHOOK_BASE_URL", help="Service that reports payments at Alfa-Bank.", exclusive=True, format=URL
        ),
        Variable(name="ALFA_BASE", help="Older name of ALFAWEBHOOK_BASE_URL.", exclusive=True, format=URL),
        Variable(name="ALFA_OUR_ORG_ID", help="Our organization there.", default="aipbx"),
        Variable(name="ALFA_PBX_CALLBACK_URL", help="Where it reports a payment.", exclusive=True, format=URL),
        Variable(name="PBX_PUBLIC_URL", help="Used when ALFA_PBX_CALLBACK_URL is not set.", exclusive=True, format=URL),
        Variable(
            name="TENANT_CURRENCY",
            help="Currency that customers see; RUB on aipbx.ru.",
            format=choice("USD", "RUB"),
            default="USD",
        ),
        Variable(
            name="CURRENCY_UPDATE_URL", help="Exchange rates; carries the key (app_id=…).", secret=True, format=URL
        ),
    ),
    (
        Family(prefix="ROBOKASSA_", help="Robokassa."),
        Family(prefix="ALFA", help="Alfa-Bank."),
        Family(prefix="STRIPE_", help="Stripe."),
    ),
)

ACCOUNTING = Section(
    "Invoices and accounting (SBIS)",
    (
        Variable(name="SBIS_LOGIN", help="Login at SBIS.", exclusive=True),
        Variable(name="SBIS_PASS", help="Password at SBIS.", secret=True, least=8),
        Variable(name="SBIS_ACC", help="Number of the account at SBIS.", exclusive=True),
        Variable(name="SBIS_VAT_MODE", help="How VAT is put on invoices.", default="none"),
        Variable(name="SBIS_INVOICE_SOURCE", help="Who makes invoices: SBIS, or the application.", format=WORD),
        Variable(name="SBIS_AIPBX_SUBJECT_DEFAULT", help="Subject of invoices.", format=TEXT),
        Variable(name="SBIS_CLOSING_UPD_SUBJECT", help="Subject of the monthly closing document.", format=TEXT),
        Variable(name="SBIS_CLOSING_DOC_TYPE", help="SBIS's type of the closing document."),
        Variable(name="SBIS_CLOSING_UPD_STATUS", help="`off`: closing documents carry no status.", format=WORD),
        Variable(name="SBIS_CLOSING_UPD_UNIT_NAME", help="Unit on closing documents.", format=TEXT),
        Variable(name="SBIS_CLOSING_PRODUCT_CODE", help="Product's code on closing documents."),
        Variable(name="SBIS_EDO_AUTO_SEND", help="Sign and send documents by itself.", format=BOOLEAN, default="true"),
        Variable(
            name="BILLING_CREATE_ADVANCE_INVOICE",
            help="Make an advance invoice for a payment (with VAT only).",
            format=choice("true", "false"),
            default="false",
        ),
        Variable(name="DOCUMENT_SERIES", help="Series in the numbers of documents.", format=TEXT, default="AI"),
        Variable(
            name="EGRUL_CACHE_TTL_DAYS", help="Days that a company's entry is retained.", format=WHOLE, default="30"
        ),
    ),
    (
        Family(prefix="SBIS_", help="SBIS."),
        Family(prefix="INVOICE_", help="Invoices.", secret=False),
        Family(prefix="PERSONAL_ACCOUNT_", help="Customers' personal accounts.", secret=False),
    ),
)

MAIL_AND_LOGIN = Section(
    "Mail and logins",
    (
        Variable(
            name="MAIL_HOST",
            help="SMTP server; mails (activation, invoices) go out by port 587.",
            exclusive=True,
            format=HOST,
        ),
        Variable(name="MAIL_USER", help="Account there, and sender of the mails.", exclusive=True, format=MAIL),
        Variable(name="MAIL_PASS", help="Its password.", secret=True, least=8),
        Variable(
            name="GOOGLE_CLIENT_ID",
            help="Sign in with Google; public.",
            format=WORD,
            read_by=("backend", "frontend-build"),
        ),
    ),
    (Family(prefix="MAIL_", help="Mail."), Family(prefix="TELEGRAM_", help="Telegram.")),
)

SPEECH = Section(
    "Language models and speech",
    (
        Variable(name="OPENAI_BASE_URL", help="Another address that speaks OpenAI's API.", format=URL),
        Variable(name="OPENAI_API_URL", help="OpenAI's realtime API.", format=SOCKET_URL),
        Variable(name="OPENAI_STT_ENABLED", help="Let OpenAI recognize speech.", format=BOOLEAN),
        Variable(name="QWEN_API_KEY", help="Key of Qwen.", secret=True, least=16),
        Variable(name="QWEN_API_URL", help="Qwen's realtime API.", format=SOCKET_URL),
        Variable(name="YANDEX_API_KEY", help="Key of Yandex Cloud.", secret=True, least=16),
        Variable(name="YANDEX_API_URL", help="Yandex's realtime API.", format=SOCKET_URL),
        Variable(name="YANDEX_MODEL", help="Model at Yandex."),
        Variable(name="YC_FOLDER_ID", help="Folder at Yandex Cloud, where no YANDEX_FOLDER_ID is set.", format=WORD),
        Variable(name="WHISPER_API_URL", help="Speech recognition on a GPU.", format=URL),
        Variable(name="WHISPER_VAD_FILTER", help="Leave silence out.", format=choice("true", "false"), default="false"),
        Variable(name="STT_API_URL", help="External speech recognition.", format=URL),
        Variable(name="STT_TOKEN", help="Its token.", secret=True, least=8),
        Variable(name="STT_API_TOKEN", help="Its token, newer name.", secret=True, least=8),
        Variable(name="OLLAMA_URL", help="Local language model.", format=URL),
        Variable(name="SILERO_TTS_URL", help="Speech synthesis by Silero.", format=URL),
        Variable(name="OMNIVOICE_TTS_URL", help="Speech synthesis by OmniVoice.", format=URL),
        Variable(name="EMBEDDING_MODEL", help="Model for the knowledge base's embeddings."),
    ),
    (
        Family(prefix="OPENAI_", help="OpenAI."),
        Family(prefix="QWEN_", help="Qwen."),
        Family(prefix="YANDEX_", help="Yandex Cloud."),
        Family(prefix="STT_", help="Speech recognition."),
        Family(prefix="OLLAMA_", help="Ollama."),
    ),
)

OTHERS = Section(
    "Other services",
    (
        Variable(name="COMPOSIO_API_KEY", help="Key of Composio: assistants' tools.", secret=True, least=12),
        Variable(name="REDIS_URL", help="Redis; may carry a password.", secret=True, format=REDIS_URL),
        Variable(name="SENTRY_DSN", help="Where errors are reported.", secret=True, format=URL),
        Variable(name="SENTRY_ENVIRONMENT", help="Name of this host there.", format=WORD),
        Variable(
            name="HELPDESK_PBX_URL_ALLOWLIST", help="PBX addresses the helpdesk may call.", exclusive=True, format=TEXT
        ),
        Variable(
            name="AMI_HOST",
            help="Asterisk's manager interface; the module that reads it is not loaded.",
            exclusive=True,
            format=HOST,
        ),
        Variable(name="AMI_PORT", help="Its port.", format=PORT),
        Variable(name="AMI_USER", help="Account there.", format=WORD),
        Variable(name="AMI_PASS", help="Its password.", secret=True, least=8),
    ),
    (Family(prefix="SENTRY_", help="Sentry."),),
)

FRONTEND = Section(
    "Compiled into the web interface where the host builds it (images_from = build): public",
    (
        Variable(name="FRONTEND_API_URL", help="Address of the API.", default="/api", read_by=("frontend-build",)),
        Variable(
            name="FRONTEND_STATIC_URL",
            help="Address of uploaded files.",
            default="/static",
            read_by=("frontend-build",),
        ),
        Variable(
            name="FRONTEND_WS_URL",
            help="Address of Socket.IO; empty: the page's own host.",
            default="",
            read_by=("frontend-build",),
        ),
        Variable(
            name="FRONTEND_SITE_URL",
            help="Canonical address, which decides the default language.",
            format=URL,
            read_by=("frontend-build",),
        ),
        Variable(name="FRONTEND_TG_BOT_ID", help="Telegram's login button.", format=CHAT, read_by=("frontend-build",)),
        Variable(
            name="FRONTEND_STRIPE_KEY",
            help="Stripe's publishable key.",
            format=STRIPE_PUBLIC,
            read_by=("frontend-build",),
        ),
        *(
            Variable(name=f"FRONTEND_{name}", help=text, format=format_, read_by=("frontend-build",))
            for name, text, format_ in (
                ("SENTRY_DSN", "Where the browser reports errors.", URL),
                ("SENTRY_ENVIRONMENT", "Name of this host there.", WORD),
                ("YANDEX_METRIKA_ID", "Counter of Yandex Metrika.", WORD),
                ("GA4_MEASUREMENT_ID", "Google Analytics.", WORD),
                ("GOOGLE_ADS_ID", "Google Ads.", WORD),
                ("ADS_SIGNUP_LABEL", "Conversion of a sign-up in Google Ads.", WORD),
            )
        ),
    ),
    (Family(prefix="FRONTEND_", help="The web interface's build.", secret=False, read_by=("frontend-build",)),),
)

UNREAD = Section(
    "Not read by any service",
    (
        Variable(name="CLOSING_AUTO_SEND_EDO", help="SBIS_EDO_AUTO_SEND is what the application reads.", read_by=()),
        Variable(name="MAIL_PORT", help="Mail always goes out by port 587.", read_by=()),
        Variable(name="OPERATOR_ANOMALY_ENABLED", help="Each project says itself what it looks for.", read_by=()),
        Variable(name="FRONTEND_PORT", help="The development server's, which no image has.", read_by=()),
        Variable(name="DEEPSEEK_API_KEY", help="No code reads it.", secret=True, read_by=()),
        Variable(name="VITE_STRIPE_PUBLISHABLE_KEY", help="FRONTEND_STRIPE_KEY is what the build reads.", read_by=()),
    ),
)
