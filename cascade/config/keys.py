"""Which settings there are: what `+key=value` slipped in is refused, and a misspelt key gets a hint."""

import difflib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from cascade.base import ConfigError, program
from cascade.config.schemas import Config, GeneratorConfig
from cascade.search import OptunaSettings

GROUPS_OF_FILES = ("experiment",)  # groups that have no schema: a file of one sets other groups


def refuse_unknown_keys(cfg: DictConfig) -> None:
    """Refuse what no schema has; Hydra lets ``+key=value`` add anything.

    Raises:
        ConfigError: names the key, and one that is near.
    """
    for key in _unknown(cfg, ""):
        raise ConfigError(no_such_setting(key, OmegaConf.select(cfg, key)))


def no_such_setting(key: str, value: object = None) -> str:
    """What is said of a key that no schema has."""
    if key in GROUPS_OF_FILES:
        option = "" if value is None else f"={value}"
        return (
            f"{key}{option}: no such option; the search path has no {key}/{value or 'NAME'}.yaml: write it "
            f"into a folder of your own and name the folder with --config-dir"
        )
    near = difflib.get_close_matches(key, _known_keys(), n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{key}: no such setting{hint} ({program()} --cfg job shows them all)"


def _unknown(node: DictConfig, prefix: str) -> Iterator[str]:
    schema = OmegaConf.get_type(node)
    known = {field.name for field in fields(schema)} if is_dataclass(schema) else None
    for key in map(str, node):
        if known is not None and key not in known:
            yield f"{prefix}{key}"
        elif not OmegaConf.is_missing(node, key) and isinstance(node[key], DictConfig):
            yield from _unknown(node[key], f"{prefix}{key}.")


def _known_keys() -> list[str]:
    """Every key of the schemas, dotted."""

    def keys(schema: Any, prefix: str) -> list[str]:
        found = []
        for field in fields(schema):
            found.append(prefix + field.name)
            if isinstance(field.type, type) and is_dataclass(field.type):
                found += keys(field.type, f"{prefix}{field.name}.")
        return found

    found_in_groups = [
        key for schema in GeneratorConfig.__subclasses__() for key in keys(schema, "generator.")
    ]
    return keys(Config, "") + found_in_groups + keys(OptunaSettings, "search.")
