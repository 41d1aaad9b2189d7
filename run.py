"""The one command: `python run.py --help` tells what it can do."""

import hydra
from omegaconf import DictConfig

from cascade.config.schemas import register_schemas
from cascade.tasks.command_line import guarded, run_task

register_schemas()


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> None:
    run_task(cfg)


if __name__ == "__main__":
    guarded(main)
