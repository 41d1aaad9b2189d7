"""Every file in conf/ composes and passes the boundary; values out of range do not."""

import copy
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from cascade.base.errors import ConfigError
from cascade.config import Study, build_study, check_inputs, compose_study
from cascade.config.hardware import prices_of
from cascade.config.schemas import register_schemas
from cascade.core.plans import Option, ThetaChoice
from cascade.core.rules import RULES
from cascade.problems.mini import load_mini
from cascade.search.settings import OptunaSettings, Sampler
from tests.conftest import ROOT
from training.mini import prompts

CONF = ROOT / "conf"
FILES = sorted(CONF.glob("*/*.yaml"))
GROUPS = {file.parent.name for file in FILES} | {"rule"}

PAPER = [
    "family=wizardcoder_python",
    "dataset=humaneval",
    "hardware=rtx3090",
    "generator=recorded",
    "generator.path=x",
]


@cache
def composed(*overrides: str) -> DictConfig:
    register_schemas()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", overrides=list(overrides))


def checked(*overrides: str) -> Study:
    """Files are composed once for all tests; a single value is set in the result as Hydra sets it."""
    files, values = [], []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        (files if override.key_or_group in GROUPS else values).append(override)
    config = copy.deepcopy(composed(*(str(file.input_line) for file in files)))
    for one in values:
        OmegaConf.update(config, one.key_or_group, one.value(), merge=True, force_add=one.is_add())
    return build_study(config)


@cache
def study(*overrides: str) -> Study:
    return checked(*PAPER, *overrides)


def remote(*overrides: str) -> Study:
    return checked(*PAPER[:3], "generator=openai", *overrides)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_every_file_composes(file: Path) -> None:
    group, option = file.parent.name, file.stem
    # What only its own kind goes with.
    beside = {
        "family-mini": ["dataset=mini", "hardware=cpu", "generator=transformers"],
        "family-mini_variants": ["dataset=mini", "hardware=cpu", "generator=transformers"],
        "dataset-mini": ["family=mini", "hardware=cpu", "generator=transformers"],
        "dataset-humaneval_plus": ["hardware=cpu", "generator=transformers"],
        "dataset-mbpp_plus": ["hardware=cpu", "generator=transformers"],
        "dataset-livecodebench": ["hardware=cpu", "generator=transformers"],
        "dataset-own": ["dataset.path=x", "hardware=cpu", "generator=transformers"],
        "hardware-cpu": ["generator=transformers"],
        "hardware-gpu": ["generator=transformers", "hardware.usd_per_gpu_hour=2"],
        "hardware-openai": ["family=gpt_4_1", "generator=openai"],
        "family-gpt_4_1": ["hardware=openai", "generator=openai"],
        "family-qwen2_5_coder": ["hardware=cpu", "generator=transformers"],
        "family-deepseek_coder": ["hardware=cpu", "generator=transformers"],
        "family-qwen3": ["hardware=cpu", "generator=transformers"],
        "family-qwen3_coder": ["hardware=cpu", "generator=transformers"],
        "family-gemma3": ["hardware=cpu", "generator=transformers"],
        "family-llama3": ["hardware=cpu", "generator=transformers"],
        "family-deepseek_coder_v2": ["hardware=cpu", "generator=transformers"],
        "family-granite_code": ["hardware=cpu", "generator=transformers"],
        "family-starcoder2": ["hardware=cpu", "generator=transformers"],
        "family-gpt_oss": ["hardware=cpu", "generator=vllm"],
        "family-makers": ["hardware=cpu", "generator=vllm"],
        "family-gpt_5": ["hardware=openai", "generator=openai"],
        "family-gemini_2_5": ["hardware=google", "generator=openai"],
        "family-gpt_6": ["hardware=openai", "generator=openai"],
        "family-gemini_3": ["hardware=google", "generator=openai"],
        "hardware-google": ["family=gemini_2_5", "generator=openai"],
        "family-claude_4": ["hardware=anthropic", "generator=openai"],
        "family-claude_5": ["hardware=anthropic", "generator=openai"],
        "hardware-anthropic": ["family=claude_4", "generator=openai"],
        "generator-openai": ["hardware=rtx3090"],
        "generator-vllm": ["hardware=cpu"],
        "generator-sglang": ["hardware=cpu"],
    }.get(f"{group}-{option}", [])
    path = [] if beside or option == "transformers" else ["generator.path=x"]
    found = build_study(copy.deepcopy(composed(*PAPER[:-1], *beside, f"{group}={option}", *path)))
    assert found.family.models
    assert (found.prices is None) == (found.hardware.name in ("cpu", "gpu"))


PRICED = {
    "rtx3090": ("codegen", "wizardcoder", "wizardcoder_python"),
    "h100": ("codegen", "wizardcoder", "wizardcoder_python"),
    "h200": ("wizardcoder", "wizardcoder_python"),
}


@pytest.mark.parametrize(
    ("hardware", "family"), [(name, family) for name, families in PRICED.items() for family in families]
)
@pytest.mark.parametrize("dataset", ["humaneval", "mbpp", "apps_intro"])
def test_every_family_has_a_price_on_every_data_set(family: str, dataset: str, hardware: str) -> None:
    priced = prices_of(
        study(f"hardware={hardware}").hardware,
        study(f"dataset={dataset}").dataset,
        study(f"family={family}").family,
    )
    prices = [price.usd_per_1m_tokens for price in priced or ()]
    assert prices == sorted(prices) and prices[0] > 0


def test_the_paper_s_space() -> None:
    found = study("select=paper")
    assert len(found.options) == 9
    assert found.thetas == tuple(round(0.1 * i, 1) for i in range(11))
    assert found.accept_without_tests and found.theta_choice is ThetaChoice.best
    assert found.split.validation_fraction == 0.3
    assert found.split.max_accuracy_gap == 0.05


def test_optuna_and_rules_are_asked_for() -> None:
    assert study().optuna is None and study().rule == "calibrated"
    found = study(
        "search=optuna", "select=paper", "search.sampler=tpe", "rule=codet", "rule.compare=[paper]", "seed=3"
    )
    assert isinstance(found.optuna, OptunaSettings) and found.optuna.sampler is Sampler.tpe
    assert found.optuna.per_stage_theta and found.optuna.storage is None and found.seed == 3
    assert len(found.thetas) == 21 and len(found.options) == 9
    assert found.theta_choice is ThetaChoice.stage
    assert (found.rule, found.compared_rules) == ("codet", ("codet", "paper"))
    # Where trials are kept changes no result.
    stored = study("search=optuna", "search.storage=sqlite:///x.db")
    assert stored.signature == study("search=optuna").signature


def test_frozen_and_absolute() -> None:
    found = study("paths.store=here", "search.growing=off", "search.k=[-1,3]", "search.theta=[1,0.5,0.5]")
    assert found.store == Path.cwd() / "here"
    assert found.options == (Option(3, 2), Option(3, 4))
    assert found.thetas == (0.5, 1.0)
    with pytest.raises(AttributeError):
        found.seed = 3  # type: ignore[misc]


def test_the_signature_is_of_results_only() -> None:
    same = ["task=select", "paths.store=elsewhere", "run_id=x", "sandbox.workers=1", "tracking.uri=x"]
    assert study().signature == study(*same).signature
    for other in ("seed=1", "search.theta=[0.5]", "rule.no_tests=escalate", "sandbox.timeout_s=2"):
        assert study().signature != study(other).signature


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("search.theta=[0.5,-0.1]", r"search\.theta\[1\]=-0\.1: must lie between 0 and 1"),
        ("search.theta=[]", r"search\.theta: empty"),
        ("search.k=[-2]", r"search\.k\[0\]=-2: must be at least -1"),
        ("search.k=[3]", None),
        ("split.validation_fraction=1.2", r"split\.validation_fraction=1\.2: must lie between 0 and 1"),
        ("estimator=resample estimator.n_subsets=1", r"estimator\.n_subsets=1: must be at least 2"),
        ("bootstrap.replicates=10", r"bootstrap\.replicates=10: must be at least 100"),
        ("bootstrap.confidence=1", r"bootstrap\.confidence=1: must lie strictly between 0 and 1"),
        ("select.budget_usd_per_1k=0", r"select\.budget_usd_per_1k=0: must be a positive number"),
        ("select.min_accuracy=70", r"select\.min_accuracy=70: must lie between 0 and 1"),
        ("select.confidence=0.9", r"select\.confidence=0\.9: needs select\.min_accuracy"),
        ("sandbox.memory_mb=1", r"sandbox\.memory_mb=1: must be at least 64"),
        ("sandbox.workers=-1", r"sandbox\.workers=-1: must be at least 1"),
        ("family.max_new_tokens=0", r"family\.max_new_tokens=0: must be at least 1"),
        ("family.prompts.test=ask", r"family\.prompts\.test='ask': must hold \{prompt\}"),
        ("hardware.measured=true", r"hardware\.measured=true: leave hardware\.throughput out"),
        ("search=optuna search.trials=0", r"search\.trials=0: must be at least 1"),
        ("search=optuna search.population=1", r"search\.population=1: must be at least 2"),
        ("seed=-1", r"seed=-1: must be at least 0"),
        ("run_id=abc report.of=store", r"run_id=abc: names one study, and report\.\* names several"),
        ("run_id=abc report.runs=[d]", r"run_id=abc: names one study, and report\.\* names several"),
        ("dataset.hub_id=null", r"dataset\.path: the data set 'humaneval' has neither"),
    ],
)
def test_ranges(override: str, says: str | None) -> None:
    if says is None:
        assert study(*override.split())
    else:
        with pytest.raises(ConfigError, match=says):
            study(*override.split())


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("generator.api=batch", r"generator\.api=batch: must be one of completions, chat"),
        ("generator.count=words", r"generator\.count=words: must be one of usage, tokenizer"),
        ("generator.concurrency=0", r"generator\.concurrency=0: must be at least 1"),
        ("n_shards=0", r"n_shards=0: must be at least 1"),
        ("shard=4", r"shard=4: must lie between 0 and n_shards - 1 = 0"),
        ("profile.repeats=0", r"profile\.repeats=0: must be at least 1"),
        ("family.models.m7B.name=13B", r"family\.models: two models are named '13B'"),
    ],
)
def test_ranges_around_generation(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        remote(override)


def test_a_member_has_its_own_server_and_prompts() -> None:
    member = "family.models.m7B."
    found = remote(
        *(
            member + "server.base_url=http://a/v1",
            member + "server.concurrency=2",
            member + "max_reasoning_tokens=100",
        ),
        *("+" + member + "server.extra.reasoning_effort=low", "+" + member + "prompts.completion=true"),
    )
    first, second = found.family.models[:2]
    assert (first.server.base_url, first.server.concurrency) == ("http://a/v1", 2)
    assert first.server.extra == {"reasoning_effort": "low"} and second.server.base_url is None
    assert first.prompts is not None and first.prompts.completion and second.prompts is None
    assert first.prompts.solution == found.family.prompts.solution
    for wrong, says in (
        ("server.api=x", r"server\.api=x: must be one of completions, chat"),
        ("server.gpus=0", r"server\.gpus=0: must be at least 1"),
        ("max_reasoning_tokens=-1", r"max_reasoning_tokens=-1: must be at least 0"),
    ):
        with pytest.raises(ConfigError, match=says):
            remote(member + wrong)
    with pytest.raises(ConfigError, match=r"family\.models\.m7B\.prompts\.sulution"):
        remote("+" + member + "prompts.sulution=x")


def test_a_command_line_that_names_no_port() -> None:
    with pytest.raises(ConfigError, match=r"generator\.command: must hold \{name\}"):
        remote("generator=vllm", "generator.command=[x,'{model}']")


def test_a_model_s_key_can_stand_on_the_command_line() -> None:
    """Its name, which begins with a digit, cannot; recordings and profiles know it by its name."""
    found = study("family.models.m7B.revision=abc")
    assert [(m.key, m.name) for m in found.family.models] == [
        ("m7B", "7B"),
        ("m13B", "13B"),
        ("m34B", "34B"),
    ]
    assert found.family.models[0].revision == "abc"


@pytest.mark.parametrize("family", ["codegen", "wizardcoder", "wizardcoder_python"])
def test_architectures_have_the_sizes_of_their_names(family: str) -> None:
    pytest.importorskip("torch")
    from cascade.generate.local.loading import random_model

    for model in study(f"family={family}").family.models:
        billions = sum(p.numel() for p in random_model(model, "bfloat16", "meta").parameters()) / 1e9
        named = float(model.name[:-1]) / (1000 if model.name.endswith("M") else 1)
        assert billions == pytest.approx(named, rel=0.4)  # Codegen 2B has 2.78


def test_the_embedded_family_is_asked_as_it_was_trained() -> None:
    family = checked().family
    for problem in load_mini()[:5]:
        assert family.prompts.ask_solution(problem) == prompts.solution_prompt(problem)
        assert family.prompts.ask_test(problem) == prompts.test_prompt(problem)
    assert all((Path(model.hub_id) / "model.safetensors").exists() for model in family.models)


@pytest.mark.parametrize(
    ("override", "says"),
    [
        (
            "generator.dtype=float8",
            r"generator\.dtype=float8: must be one of auto, float32, float16, bfloat16",
        ),
        ("generator.batch_size=0", r"generator\.batch_size=0: must be at least 1"),
        ("generator.temperature=0", r"generator\.temperature=0: must be a positive number"),
        ("generator.top_p=1.5", r"generator\.top_p=1\.5: must lie between 0 and 1"),
    ],
)
def test_ranges_of_the_live_generator(override: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        checked(override)


def test_one_theta_a_stage_is_one_choice() -> None:
    assert study("search=per_stage_theta").theta_choice is ThetaChoice.stage
    assert study("select.theta=pooled").theta_choice is ThetaChoice.pooled
    with pytest.raises(ConfigError, match=r"select\.theta=stage: .*search=per_stage_theta"):
        study("select.theta=stage")


def test_every_registered_rule_can_be_asked_for() -> None:
    for rule in RULES:
        assert study(f"rule={rule}").rule == rule
    assert study().compared_rules == tuple(RULES)
    with pytest.raises(ConfigError, match=r"rule\.compare=majority: must be one of paper, "):
        study("rule.compare=[majority]")


def test_growing_stages_are_asked_for() -> None:
    assert len(study("search.growing=also").options) == 9 + 6
    assert len(study("search.growing=only").options) == 3 + 6
    for other in ("search=optuna", "search=per_stage_theta", "search=exact"):
        assert study("search.growing=also", other).options


def test_a_package_that_is_missing_is_named_before_anything_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    found = compose_study(["task=run"])
    check_inputs(found)
    monkeypatch.setattr("cascade.config.inputs.find_spec", lambda name: None if name == "torch" else name)
    with pytest.raises(ConfigError, match=r"^generator: needs torch: pip install "):
        check_inputs(found)
    check_inputs(compose_study(["task=report"]))


def test_an_experiment_wins_over_the_defaults_and_the_command_line_over_it(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /search: per_stage_theta\n"
        "seed: 3\nsplit:\n  max_accuracy_gap: 0.1\nbootstrap:\n  replicates: 200\n"
    )
    found = compose_study(["experiment=mine", "bootstrap.replicates=300"], tmp_path)
    assert (found.seed, found.split.max_accuracy_gap, found.replicates) == (3, 0.1, 300)
    assert found.split.max_redraws == 1000 and found.theta_choice.per_stage
