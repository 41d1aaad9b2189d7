"""Passwords and keys: masked wherever a configuration, a command, a log line or an error is kept or shown."""

import logging
import re
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

MASK = "***"
# The user information of a web address ends before its first slash; a user without a password may be a token.
_WEB_USER = re.compile(r"(?i)(\bhttps?://)([^\s/?#:@]*:)?[^\s/?#]*@")
# user:password@host of any address, also where the password holds what it should not: a slash, another @, a
# blank. What looks like a port is none.
_PASSWORD = re.compile(r"(://[^\s:/@]*:)(?!\d+(?:[/?#\s\"',)\]]|$))(?:\S*|[^\n@]*)@")
_QUERY = re.compile(
    r"(?i)([?&](?:[\w.-]*(?:password|passwd|pwd|token|secret)|odbc_connect|api_?key|access_?key|sig(?:nature)?)=)"
    r"[^&#\s\"']+"
)
# Keys of requests and servers, as YAML and overrides write them, and as a server's command does.
_KEY = re.compile(
    r"((?:\b|_)(?:api[_-]?key|password|passwd|secret|(?:access|auth|hf)[_-]token|[Aa]uthorization)['\"]?"
    r"\s*[:=]\s*['\"]?(?:Bearer\s+)?)(?!null\b)[^\s,}\]'\"]+"
)
_FLAG = re.compile(
    r"(--(?:[\w-]*-)?(?:api-key|password|token|secret)(?:=|['\",\s]+(?:-\s+)?['\"]?))(?!-)[^\s,\]'\"]+"
)


def mask_credentials(text: str) -> str:
    """The text with *** for the passwords of addresses and the keys of servers in it."""
    text = _WEB_USER.sub(rf"\1\2{MASK}@", text)
    text = _PASSWORD.sub(rf"\1{MASK}@", text)
    for pattern in (_QUERY, _KEY, _FLAG):
        text = pattern.sub(rf"\1{MASK}", text)
    return text


def mask_files(paths: Iterable[Path]) -> None:
    """Rewrite the files that hold a password or a key."""
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if (masked := mask_credentials(text)) != text:
            path.write_text(masked, encoding="utf-8")


def without_user(address: str) -> str:
    """A web address as a link: without the user and the password, which a browser asks for itself."""
    return re.sub(r"(?i)^(https?://)[^/?#]*@", r"\1", address)


class MaskingFormatter(logging.Formatter):
    """Log lines, tracebacks among them, without passwords; for `conf/hydra/*_logging`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, its traceback included, without passwords."""
        return mask_credentials(super().format(record))


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Python's own last words on an error, without passwords; for `sys.excepthook`."""
    print(mask_credentials("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)
