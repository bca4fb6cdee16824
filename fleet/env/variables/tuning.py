"""The variables that tune the application: all optional, each with a default in the application."""

from __future__ import annotations

from fleet.env.variables.declaration import Family, Section, Variable
from fleet.env.variables.formats import BOOLEAN, NUMBER, SIZE, TEXT, WHOLE, WORD, choice

LIMITS = Section(
    "Limits and defaults",
    (
        Variable(
            name="JSON_BODY_LIMIT", help="Largest JSON body; nginx lets 70 MB through.", format=SIZE, default="70mb"
        ),
        Variable(name="DEFAULT_STT_PROVIDER", help="Who recognizes speech.", format=WORD, default="whisper"),
        Variable(name="DEFAULT_OLLAMA_MODEL", help="Local model for analyses.", default="gemma4:e4b"),
        Variable(name="ANALYTICS_FALLBACK_MODEL", help="Model when the first one fails.", default="gemma4:e4b"),
        Variable(name="ANALYTICS_LLM_MODEL", help="Model for analyses."),
    ),
    (
        Family(prefix="DEFAULT_", help="Defaults of the application.", secret=False),
        Family(prefix="ANALYTICS_", help="Analyses.", secret=False),
    ),
)

BALANCE = Section(
    "Warnings of a low balance",
    (
        Variable(name="BALANCE_RUNWAY_ENABLED", help="Daily check of balances.", format=BOOLEAN, default="true"),
        Variable(
            name="BALANCE_RUNWAY_LOOKBACK_DAYS", help="Days that the forecast looks back.", format=WHOLE, default="7"
        ),
        Variable(name="BALANCE_RUNWAY_ALERT_DAYS", help="Warn when it lasts fewer days.", format=NUMBER, default="7"),
        Variable(name="BALANCE_RUNWAY_NOTIFY_COOLDOWN_DAYS", help="Days between warnings.", format=WHOLE, default="7"),
        Variable(
            name="BALANCE_RUNWAY_RENOTIFY_DAYS_DROP",
            help="Warn again when it lasts so many days less.",
            format=NUMBER,
            default="2",
        ),
    ),
    (Family(prefix="BALANCE_RUNWAY_", help="Warnings of a low balance.", secret=False),),
)


def _operator(name: str, text: str, kind: str, default: str | None) -> Variable:
    formats = {"whole": WHOLE, "number": NUMBER, "yes/no": BOOLEAN, "text": TEXT}
    return Variable(name=f"OPERATOR_{name}", help=text, format=formats[kind], default=default)


OPERATORS = Section(
    "Analyses of operators' calls",
    (
        _operator("ANALYSIS_MIN_DURATION_SEC", "Shortest recording that is analysed, in seconds.", "whole", "10"),
        _operator("QUALITY_MIN_WORDS", "Fewest words of a usable transcript.", "whole", "15"),
        _operator("QUALITY_AVG_LOGPROB_MIN", "Mean log-probability below which quality is low.", "number", "-1.0"),
        _operator("QUALITY_AVG_LOGPROB_UNUSABLE", "Below it the transcript is unusable.", "number", "-1.3"),
        _operator("QUALITY_MAX_NOSPEECH", "Share of silence above which quality is low.", "number", "0.6"),
        _operator("QUALITY_MAX_NOSPEECH_UNUSABLE", "Above it the transcript is unusable.", "number", "0.8"),
        _operator("QUALITY_MAX_COMPRESSION", "Compression ratio above which quality is low.", "number", "2.4"),
        _operator("QUALITY_MIN_COMPRESSION", "Compression ratio below which quality is low.", "number", "0.5"),
        _operator("QUALITY_MIN_LANGUAGE_PROB", "Least certainty of the language.", "number", "0.5"),
        _operator("ENCRYPT_TRANSCRIPTS", "Encrypt stored transcripts with ENCRYPTION_KEY.", "yes/no", "false"),
        _operator("RETENTION_DAYS", "Days that analyses are retained; 0: for ever.", "whole", "0"),
        Variable(
            name="OPERATOR_RETENTION_MODE",
            help="What happens to them then.",
            format=choice("anonymize", "delete"),
            default="anonymize",
        ),
        _operator("RETENTION_BATCH", "Most records of one clean-up.", "whole", "500"),
        _operator("REGEN_REPLACE_COST", "A repeated analysis replaces the cost of the first.", "yes/no", "false"),
        _operator("KEYWORD_SPOTTING", "Phrases to look for, with commas.", "text", None),
        _operator("ANOMALY_WINDOW_DAYS", "Days of the windows that it compares.", "whole", "7"),
        _operator("ANOMALY_CSAT_DROP_PCT", "Drop of satisfaction that is an anomaly, in %.", "number", "20"),
        _operator("ANOMALY_NEGATIVE_SPIKE_PCT", "Rise of negative calls that is one, in points.", "number", "15"),
        _operator("ANOMALY_MIN_CALLS", "Fewest calls in a window.", "whole", "5"),
        _operator("INSIGHTS_MIN_CALLS", "Fewest calls for insights.", "whole", "10"),
        _operator("INSIGHTS_TTL_SEC", "Seconds that insights are cached in memory.", "whole", "3600"),
        _operator("INSIGHTS_MAX_COUNT", "Most insights in an answer.", "whole", "6"),
        _operator("STUCK_MINUTES", "Minutes after which an analysis counts as failed; 0: never.", "whole", "0"),
        _operator("DEDUP_BY_HASH", "Do not analyse the same recording twice.", "yes/no", "false"),
    ),
    (Family(prefix="OPERATOR_", help="Analyses of operators' calls.", secret=False),),
)
