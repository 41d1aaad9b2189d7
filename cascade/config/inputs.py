"""What a study needs here, files and packages, is looked for before the network, MLflow or a model is."""

from importlib.util import find_spec
from pathlib import Path

from cascade.base import ConfigError, install_command
from cascade.config.study import Study
from cascade.generate import RecordedGenerator

READING = ("cascade.tasks.study.main", "cascade.tasks.run.main")  # the others go on from what a run logged
WRITING = (*READING, "cascade.tasks.solve.main", "cascade.tasks.serve.main")
SERVING = ("fastapi", "uvicorn", "prometheus_client", "opentelemetry.sdk", "openai")
REMEDIES = {
    "dataset.path": "set it to a JSON or JSON Lines file, or leave it out to read the Hugging Face hub",
    "split.validation_ids": "name a file with one task id a line, or leave it out for a random split",
    "solve.problems": "name a JSON Lines file with prompt and entry_point, or leave it out for the data set",
    "solve.plans": "name the plans.json of a finished study, or its output folder",
    "generator.path": "name the recording's file or folder",
}
# What a generator imports once it works, and the extra that brings it.
PACKAGES = {
    "TransformersGenerator": (("torch", "transformers", "accelerate"), "models"),
    "OpenAIGenerator": (("openai",), "server"),
}


def check_inputs(study: Study) -> None:
    """Refuse a study whose files or packages are not there.

    Raises:
        ConfigError: names the setting and the path, or the command that installs what is missing.
    """
    if study.task not in WRITING:
        return
    packages, extra = PACKAGES.get(type(study.generator).__name__, ((), ""))
    if missing := [name for name in packages if not _is_here(name)]:
        raise ConfigError(f"generator: needs {', '.join(missing)}: {install_command(extra)}")
    if study.task.endswith("serve.main") and (missing := [name for name in SERVING if not _is_here(name)]):
        raise ConfigError(f"task=serve: needs {', '.join(missing)}: {install_command('serving')}")
    for key, path in (("solve.problems", study.solve.problems), ("solve.plans", study.solve.plans)):
        if study.task.endswith("solve.main") and path is not None and not Path(path).exists():
            raise ConfigError(f"{key}={path}: does not exist; {REMEDIES[key]}")
    if study.task not in READING:
        return
    named = {"dataset.path": study.dataset.path, "split.validation_ids": study.split.validation_ids}
    # A pattern with {model} is a file for each model, which the reader names.
    if isinstance(study.generator, RecordedGenerator) and "{model}" not in study.generator.path:
        named["generator.path"] = study.generator.path
    for key, path in named.items():
        if path is not None and not Path(path).expanduser().exists():
            raise ConfigError(f"{key}={path}: does not exist; {REMEDIES[key]}")


def _is_here(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a part whose whole is missing
        return False
