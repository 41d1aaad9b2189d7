"""A configuration as flat keys, and which of them say only where and how results are made."""

from collections.abc import Iterator, Mapping
from typing import Any

# What a study's results do not depend on.
WHERE_AND_HOW = (
    *("task", "run_id", "paths", "tracking", "profile", "report", "shard", "n_shards", "hydra"),
    *("solve", "serve"),
    *("sandbox.workers", "sandbox.require", "sandbox.container", "sandbox.image", "search.storage"),
)


def flat_settings(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Every setting that results depend on, by its dotted key; lists and empty mappings are values."""
    return dict(_walk(config, prefix))


def _walk(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        key = f"{prefix}{name}"
        if key in WHERE_AND_HOW:
            continue
        if isinstance(value, Mapping) and value:
            yield from _walk(value, f"{key}.")
        else:
            yield key, value


def is_under(key: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a dotted key is one of some others, or below one."""
    return any(key == one or key.startswith(f"{one}.") for one in prefixes)
