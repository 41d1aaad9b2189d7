"""What plans are run with: taken from their file, and refused where the command says otherwise."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from cascade.base import DataError, is_under
from cascade.config import Study
from cascade.generate import Model, PromptStyle, StdinPrompts
from cascade.search import PlanFile

log = logging.getLogger(__name__)

# The configuration's keys of what a plan file keeps of them; prompts and models have one a part.
KEYS = {
    "rule": "rule.name",
    "no_tests": "rule.no_tests",
    "lines": "rule.lines",
    "temperature": "generator.temperature",
    "top_p": "generator.top_p",
    "max_new_tokens": "family.max_new_tokens",
    "timeout_s": "sandbox.timeout_s",
    "prelude": "sandbox.prelude",
}
# Parts of a model that say how it is asked; of others only how its weights are known is compared.
HOW_ASKED = ("prompts", "chat_template_kwargs", "max_reasoning_tokens")
SAMPLING = ("temperature", "top_p")
WEIGHTS = ("revision", "quantization", "gguf_file")
OF_THE_RULE = ("rule",)  # of these every plan file has its own: a service reads them anew


def as_chosen(study: Study, file: PlanFile, where: str) -> Study:
    """The study with what the file's plans were chosen with; what it does not know stays as it is.

    Args:
        study: with the settings of this command.
        file: the plans.
        where: how an error calls the file.

    Raises:
        DataError: the file does not say how its plans are run, or the command line says otherwise.
    """
    known = file.provenance.settings
    if "rule" not in known:
        raise DataError(f"{where}: does not say what its plans are run with; run task=select again")
    there, here = _by_key(known, study), _by_key(study.plan_settings, study)
    differ = [key for key in there if there[key] != here.get(key)]
    for key in differ:
        if _is_typed(key, study.overrides):
            raise DataError(
                f"{where}: its plans were chosen with {key}={_shown(there[key])}, and the command says "
                f"{_shown(here.get(key))}; leave that out, or choose plans with it"
            )
    if differ:
        listed = ", ".join(f"{key}={_shown(there[key])} (here {_shown(here.get(key))})" for key in differ)
        log.info("as the plans were chosen: %s", listed)
    _warn_of_weights(study, known.get("models", {}), where)
    return _with(study, {key: there[key] for key in differ}, known)


def check_same_members(study: Study, again: Study, where: str) -> None:
    """Refuse another plan file for models and a sandbox that are at work already.

    Args:
        study: whose models and sandbox they are.
        again: the same with what the other file's plans were chosen with.
        where: how an error calls the other file.

    Raises:
        DataError: names the setting.
    """
    running, wanted = _by_key(study.plan_settings, study), _by_key(again.plan_settings, study)
    for key, value in wanted.items():
        if value != running.get(key) and not is_under(key, OF_THE_RULE):
            raise DataError(
                f"{where}: its plans were chosen with {key}={_shown(value)}, and the service runs with "
                f"{_shown(running[key])}; start it again with this plan file"
            )


def _by_key(settings: Mapping[str, Any], study: Study) -> dict[str, Any]:
    """A plan file's settings by their keys in the configuration, as JSON has them."""
    return dict(_walk(json.loads(json.dumps(settings)), {m.name: m.key for m in study.family.models}))


def _walk(settings: Mapping[str, Any], keys: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    for name, key in KEYS.items():
        # A recording does not tell how it was sampled: that is for whoever serves its plans.
        if name in settings and not (settings[name] is None and name in SAMPLING):
            yield key, settings[name]
    for name, value in settings.get("prompts", {}).items():
        yield f"family.prompts.{name}", value
    for name, model in settings.get("models", {}).items():
        for part in HOW_ASKED:
            if part in model and name in keys:
                yield f"family.models.{keys[name]}.{part}", model[part]


def _is_typed(key: str, overrides: Sequence[str]) -> bool:
    """Whether the command line sets a key, a part of it, or the rule as a whole."""
    typed = [word.partition("=")[0].lstrip("+~") for word in overrides]
    return any(is_under(one, (key,)) or (one == "rule" and key == KEYS["rule"]) for one in typed)


def _tuples(parts: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON keeps as lists as the tuples that they were."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in parts.items()}


def _with(study: Study, taken: Mapping[str, Any], known: Mapping[str, Any]) -> Study:
    """The study with some of a plan file's settings, by their keys."""

    def prompts(style: PromptStyle, parts: Mapping[str, Any]) -> PromptStyle:
        read = _tuples(parts)
        if isinstance(read.get("stdin"), Mapping):
            read["stdin"] = StdinPrompts(**_tuples(read["stdin"]))
        return replace(style, **read)

    def under(prefix: str) -> dict[str, Any]:
        return {key.removeprefix(prefix): v for key, v in taken.items() if key.startswith(prefix)}

    def asked(model: Model) -> Model:
        parts = under(f"family.models.{model.key}.")
        if parts.get("prompts") is not None:
            parts["prompts"] = prompts(model.prompts or family.prompts, parts["prompts"])
        return replace(model, **parts)

    family = replace(study.family, prompts=prompts(study.family.prompts, under("family.prompts.")))
    family = replace(
        family,
        models=tuple(map(asked, family.models)),
        max_new_tokens=taken.get(KEYS["max_new_tokens"], family.max_new_tokens),
    )
    without_tests = taken.get(KEYS["no_tests"], study.no_tests) == "accept"
    lines = taken.get(KEYS["lines"])
    return replace(
        study,
        rule=taken.get(KEYS["rule"], study.rule),
        accept_without_tests=without_tests,
        physical_lines=study.physical_lines if lines is None else lines == "physical",
        family=family,
        generator=replace(study.generator, **under("generator.")),  # type: ignore[type-var]
        limits=replace(study.limits, **under("sandbox.")),
    )


def _warn_of_weights(study: Study, models: Mapping[str, Mapping[str, Any]], where: str) -> None:
    """Say which models have other weights here; a copy of a repository may lie anywhere."""
    for model in study.family.models:
        if (there := models.get(model.name)) is None:
            continue
        here = json.loads(json.dumps(model.settings))
        names = [PurePath(settings["hub_id"]).name for settings in (there, here)]
        parts = [part for part in WEIGHTS if there.get(part) != here[part]]
        if names[0] != names[1]:
            parts = ["hub_id", *parts]
        for part in parts:
            log.warning(
                "%s: its plans were chosen with family.models.%s.%s=%s, and here it is %s: what the file "
                "promises may not hold",
                where,
                model.key,
                part,
                _shown(there.get(part)),
                _shown(here[part]),
            )


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
