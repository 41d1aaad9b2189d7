"""Checks of single values: each hands its value on, or says which key is wrong and what is allowed."""

from pathlib import Path
from typing import Any

from cascade.base import ConfigError


def path(value: str | None) -> str | None:
    """A path as the process sees it from where it was started, absolute."""
    return None if value is None else str(Path(value).expanduser().absolute())


def each(values: list[Any], key: str, check: Any) -> tuple[Any, ...]:
    """Every value of a list that must not be empty, each checked."""
    if not values:
        raise ConfigError(f"{key}: empty; give at least one value")
    return tuple(check(value, f"{key}[{i}]") for i, value in enumerate(values))


def fraction(value: float, key: str) -> float:
    """Between 0 and 1, both included."""
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"{key}={value:g}: must lie between 0 and 1")
    return value


def between(value: float, key: str) -> float:
    """Between 0 and 1, neither included."""
    if not 0.0 < value < 1.0:
        raise ConfigError(f"{key}={value:g}: must lie strictly between 0 and 1")
    return value


def positive(value: float, key: str) -> float:
    """More than nothing, and finite."""
    if not 0.0 < value < float("inf"):
        raise ConfigError(f"{key}={value:g}: must be a positive number")
    return value


def template(text: str, key: str) -> str:
    """A text with a place for the prompt."""
    if "{prompt}" not in text:
        raise ConfigError(f"{key}={text!r}: must hold {{prompt}}, where the problem's prompt goes")
    return text


def python(source: str, key: str) -> str:
    """Source that compiles."""
    try:
        compile(source, key, "exec")
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{key}: not Python: {error}") from None
    return source


def at_least(value: float, least: int, key: str) -> float:
    """No less than `least`."""
    if value < least:
        raise ConfigError(f"{key}={value:g}: must be at least {least}")
    return value


def one_of(value: str, allowed: tuple[str, ...], key: str) -> str:
    """A member of `allowed`."""
    if value not in allowed:
        raise ConfigError(f"{key}={value}: must be one of {', '.join(allowed)}")
    return value
