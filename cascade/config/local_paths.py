"""The files that a study reads are looked for before anything slow: the network, MLflow, the models."""

from pathlib import Path

from cascade.base import ConfigError
from cascade.config.study import Study
from cascade.generate import RecordedGenerator

READING = ("cascade.tasks.study.main", "cascade.tasks.run.main")  # the others go on from what a run logged
REMEDIES = {
    "dataset.path": "set it to a JSON or JSON Lines file, or leave it out to read the Hugging Face hub",
    "split.validation_ids": "name a file with one task id a line, or leave it out for a random split",
    "generator.path": "name the recording's file or folder",
}


def check_local_paths(study: Study) -> None:
    """Refuse a study whose files are not there.

    Raises:
        ConfigError: names the setting and the path.
    """
    if study.task not in READING:
        return
    named = {"dataset.path": study.dataset.path, "split.validation_ids": study.split.validation_ids}
    # A pattern with {model} is a file for each model, which the reader names.
    if isinstance(study.generator, RecordedGenerator) and "{model}" not in study.generator.path:
        named["generator.path"] = study.generator.path
    for key, path in named.items():
        if path is not None and not Path(path).expanduser().exists():
            raise ConfigError(f"{key}={path}: does not exist; {REMEDIES[key]}")
