"""Settings for the newsletter service. Override in settings_local.py."""
import os

DEBUG = False
TIMEZONE = "Europe/Lisbon"
LANGUAGE = "en"

DATABASE = {
    "engine": "sqlite",
    "path": os.environ.get("NEWS_DB", "news.db"),
    "timeout": 15,
}

MAIL = {
    "host": os.environ.get("MAIL_HOST", "localhost"),
    "port": 2525,
    "sender": "news@example.org",
    "tls": True,
    "batch": 200,
}

LOG_LEVEL = "INFO"
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"

FEATURES = [
    "double-opt-in",
    "archive",
    "digest",
]

try:
    from settings_local import *  # noqa
except ImportError:
    pass
