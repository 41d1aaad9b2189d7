"""Passwords are masked however an address or a key is written, and nothing else is."""

import logging
import sys

import pytest

from cascade.base import CascadeError, mask_credentials
from cascade.base.credentials import MaskingFormatter, print_traceback, without_user


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("uri: postgresql://me:p@ss:w0rd@host/db", "uri: postgresql://me:***@host/db"),
        ("postgresql+psycopg://me:pa/ss@host:5432/db", "postgresql+psycopg://me:***@host:5432/db"),
        ("postgresql://me:pa ss@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:12345@host", "postgresql://me:***@host"),
        ("mysql://me:it's\"q\\uoted@host and more", "mysql://me:***@host and more"),
        ("mysql://:only@host", "mysql://:***@host"),
        ("http://:key@host and http://host:5000/a@b", "http://:***@host and http://host:5000/a@b"),
        ("https://me:a@b@host/x?y=1", "https://me:***@host/x?y=1"),
        ("https://me:a/b@host/x", "https://me:***@host/x"),
        ("HTTPS://token-123@host:8080/x", "HTTPS://***@host:8080/x"),
        ("http://u:1@a/x http://u:2@b/y", "http://u:***@a/x http://u:***@b/y"),
        ("postgresql://host/db?user=me&password=se(r et", "postgresql://host/db?user=me&password=*** et"),
        (
            "postgresql://host/db?sslpassword=x&sslmode=require",
            "postgresql://host/db?sslpassword=***&sslmode=require",
        ),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dx%3B", "mssql+pyodbc:///?odbc_connect=***"),
        ("extra:\n  api_key: abc\n  n: 1", "extra:\n  api_key: ***\n  n: 1"),
        ("generator.extra={api_key:abc,n:1}", "generator.extra={api_key:***,n:1}"),
        ('{"Authorization": "Bearer abc.def"}', '{"Authorization": "Bearer ***"}'),
        ("[--api-key,abc,--port,1]", "[--api-key,***,--port,1]"),
        ("- --api-key\n- abc\n- --port", "- --api-key\n- ***\n- --port"),
        ("serve --hf-token=abc --api-key 'abc' -v", "serve --hf-token=*** --api-key '***' -v"),
    ],
)
def test_what_is_secret_is_masked_once_and_for_all(text: str, masked: str) -> None:
    assert mask_credentials(text) == masked
    assert mask_credentials(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////a:b@c/mlflow.db",
        "http://127.0.0.1:5000/#/experiments/1/runs?workflowType=x&viewStateShareKey=studies",
        "http://host:5000, ask me@example.org",
        "postgresql+psycopg://user@host/database",
        "key_variable: OPENAI_API_KEY",
        "OPENAI_API_KEY: not set",
        "max_new_tokens: 1024",
        "--max-new-tokens 5",
        "password authentication failed for user",
        "api_key: null",
        "assert f('a@b:c') == 'd://e'",
    ],
)
def test_what_is_not_secret_stays(text: str) -> None:
    assert mask_credentials(text) == text


def test_errors_log_lines_and_tracebacks_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    address = "postgresql://me:secret@host/db"
    assert str(CascadeError(f"{address}: no")) == "postgresql://me:***@host/db: no"
    try:
        raise RuntimeError(address)
    except RuntimeError as error:
        record = logging.LogRecord(
            "x", 20, "f", 1, "%s", (address,), (type(error), error, error.__traceback__)
        )
        line = MaskingFormatter("%(message)s").format(record)
        print_traceback(type(error), error, error.__traceback__)
    told = capsys.readouterr().err
    for text in (line, told):
        assert "RuntimeError: postgresql://me:***@host/db" in text and "secret" not in text
    assert sys.excepthook is not print_traceback  # only the program itself puts it there


def test_links_have_no_user() -> None:
    assert without_user("https://me:pw@host:5000/mlflow") == "https://host:5000/mlflow"
    assert without_user("http://host/a@b") == "http://host/a@b"
    assert without_user("") == ""
