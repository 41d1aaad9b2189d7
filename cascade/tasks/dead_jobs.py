"""Which launchers outlive their jobs, and what they leave of a job that is dead."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf, open_dict

from cascade.base import FAILED

# By the target that a launcher of Hydra's has, the one that takes its place.
REPLACED = {
    "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher": (
        "cascade.tasks.process_launcher.ProcessLauncher"
    ),
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher": (
        "cascade.tasks.submitit_launcher.LocalLauncher"
    ),
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher": (
        "cascade.tasks.submitit_launcher.SlurmLauncher"
    ),
}


def replace_launchers() -> None:
    """Let launchers that outlive their jobs take the place of Hydra's plugins; names and settings stay.

    joblib's pool ends with the first worker that dies, and submitit's wait with the first job that leaves no
    result: either takes the table at the sweep's end with it.
    """
    known = Plugins.instance().class_name_to_class
    for name, path in REPLACED.items():
        if name in known:
            known[name] = get_class(path)


def dead_job(context: Any, config: DictConfig, number: int, overrides: Sequence[str], how: str) -> JobReturn:
    """Leave in a job's folder that it is dead, where the table at the end finds it."""
    job_config = context.config_loader.load_sweep_config(config, list(overrides))
    with open_dict(job_config):
        job_config.hydra.job.num = number
    folder = Path(job_config.hydra.sweep.dir) / str(job_config.hydra.sweep.subdir)
    named = folder / ".hydra" / "overrides.yaml"
    named.parent.mkdir(parents=True, exist_ok=True)
    if not named.exists():
        OmegaConf.save(OmegaConf.create(job_config.hydra.overrides.task), named)
    (folder / FAILED).write_text(f"dead: {how}; the same command resumes it", encoding="utf-8")
    # Not failed to Hydra, which would end the sweep with the first one.
    return JobReturn(overrides=overrides, status=JobStatus.COMPLETED)
