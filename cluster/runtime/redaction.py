"""Redaction of credentials in text, before it reaches a log, an error or an answer.

any text that leaves the process ─> redact_credentials ─> the same text without credentials
"""

import re
from typing import Final

REDACTED: Final = "***"

_USER_INFO = re.compile(r"(://)\S*@")
"""Greedy up to the last @ before a space: a password with an @ or / in it is redacted too."""

_USER_INFO_WITHOUT_SCHEME = re.compile(
    r"(?<![^\s\"'(\[<=,])[^\s/@:\"'(<\[]+:(?!//)[^\s@]+@(?=[\w.\[-])"
)
"""`user:password@host` without a scheme before it."""

_QUERY_PARAMETER = re.compile(
    r"([?&;][^=&\s]*(?:pass|psw|pwd|token|key|secret|auth|sig|cred|user|usr|login)[^=&\s]*=)[^&\s]*",
    re.IGNORECASE,
)

_AUTHORIZATION_HEADER = re.compile(r"(\bauthorization[\"']?\s*:\s*)[^\r\n]+", re.IGNORECASE)
"""FFmpeg logs request headers at its verbose levels."""


def redact_credentials(text: str) -> str:
    """Replace the credentials of every address in a text by `***`.

    Errs on the side of redacting too much: where a password holds spaces or quotes that should
    have been percent-encoded, more of the text may be replaced.

    Args:
        text: Any text, such as an error of FFmpeg or a line of a log.
    """
    text = _USER_INFO.sub(rf"\1{REDACTED}@", text)
    text = _USER_INFO_WITHOUT_SCHEME.sub(f"{REDACTED}@", text)
    text = _AUTHORIZATION_HEADER.sub(rf"\1{REDACTED}", text)
    return _QUERY_PARAMETER.sub(rf"\1{REDACTED}", text)
