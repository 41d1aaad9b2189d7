"""What plans are run with comes from their file; a command that says otherwise is refused by name."""

from dataclasses import replace
from functools import cache

import pytest

from cascade.base import DataError
from cascade.config import Study, compose_study as composed
from cascade.search import PlanFile
from cascade.tasks.plan_settings import as_chosen, check_same_members
from tests.serving.made_up import plan_file


@cache
def compose_study(overrides: tuple[str, ...] = ()) -> Study:
    return composed(overrides)


def file_of(study: Study, **settings: object) -> PlanFile:
    """A plan file of a study, some of its settings otherwise."""
    made = plan_file()
    return replace(made, provenance=replace(made.provenance, settings=study.plan_settings | settings))


# A command of a study, and what of it a plan file hands on.
OTHERWISE = (
    "rule=codet",
    "rule.no_tests=escalate",
    "rule.lines=physical",
    "generator.temperature=0.3",
    "generator.top_p=0.7",
    "family.max_new_tokens=99",
    "family.prompts.solution='Write: {prompt}'",
    "family.prompts.stop=[x]",
    "family.prompts.stdin.solution='Read: {prompt}'",
    "family.models.small.max_reasoning_tokens=7",
    "+family.models.small.chat_template_kwargs.enable_thinking=false",
    "+family.models.large.prompts.test='Test: {prompt}'",
    "sandbox.timeout_s=3",
    "sandbox.prelude='import math'",
)


def test_what_a_study_was_run_with_is_taken_from_its_plan_file() -> None:
    studied, here = compose_study(OTHERWISE), compose_study()
    again = as_chosen(here, file_of(studied), "plans.json")
    assert again.plan_settings == studied.plan_settings
    for name in ("generator", "family", "limits", "accept_without_tests", "physical_lines", "rule"):
        assert getattr(here, name) != getattr(studied, name)
        assert getattr(again, name) == getattr(studied, name)


@pytest.mark.parametrize("override", OTHERWISE)
def test_a_command_that_says_otherwise_is_refused_by_name(override: str) -> None:
    here = replace(compose_study(OTHERWISE), overrides=(override,))
    key = "rule.name" if override == "rule=codet" else override.partition("=")[0].lstrip("+")
    key = key.replace("prompts.test", "prompts").replace("stdin.solution", "stdin")
    key = key.replace("kwargs.enable_thinking", "kwargs")
    with pytest.raises(DataError, match=f"^plans.json: its plans were chosen with {key}="):
        as_chosen(here, file_of(compose_study()), "plans.json")


def test_the_same_said_again_is_no_contradiction() -> None:
    studied = compose_study(OTHERWISE)
    assert as_chosen(studied, file_of(studied), "plans.json").plan_settings == studied.plan_settings


def test_what_a_file_does_not_know_stays_as_it_is() -> None:
    """A recording does not tell a temperature, and a file may be older than a part of a prompt."""
    here = compose_study(("generator.temperature=0.3",))
    made = file_of(compose_study(), temperature=None, top_p=None)
    prompts = {key: value for key, value in here.plan_settings["prompts"].items() if key != "mend"}
    made.provenance.settings["prompts"] = prompts  # type: ignore[index]
    assert as_chosen(here, made, "x").plan_settings["temperature"] == 0.3
    silent = replace(made, provenance=replace(made.provenance, settings={}))
    with pytest.raises(DataError, match="x: does not say what its plans are run with; run task=select again"):
        as_chosen(here, silent, "x")


def test_other_weights_are_told(caplog: pytest.LogCaptureFixture) -> None:
    studied = compose_study(
        (
            "family.models.small.hub_id=makers/seven",
            "family.models.small.revision=v1",
        )
    )
    file = file_of(studied)
    as_chosen(
        compose_study(
            (
                "family.models.small.hub_id=/srv/seven",
                "family.models.small.revision=v1",
            )
        ),
        file,
        "x",
    )
    assert "may not hold" not in caplog.text
    as_chosen(
        compose_study(
            (
                "family.models.small.hub_id=/srv/eight",
                "family.models.small.revision=v1",
            )
        ),
        file,
        "x",
    )
    [told] = [record.getMessage() for record in caplog.records if "may not hold" in record.getMessage()]
    assert told.startswith("x: its plans were chosen with family.models.small.hub_id=makers/seven")


def test_another_file_may_change_the_rule_of_a_service_and_not_its_models() -> None:
    study = compose_study()
    check_same_members(study, as_chosen(study, file_of(compose_study(("rule=codet",))), "x"), "x")
    colder = as_chosen(study, file_of(compose_study(("generator.temperature=0.3",))), "x")
    said = "x: its plans were chosen with generator.temperature=0.3, and the service runs with 0.8; start"
    with pytest.raises(DataError, match=said):
        check_same_members(study, colder, "x")
