"""The catalogue of steps that problems are composed of."""

from training.mini.steps import numbers, scalars, tables, texts, words
from training.mini.steps.base import TYPES, Kind, Param, Step, Value, fill, is_block, meaning

CATALOGUE: dict[str, Step] = {
    step.name: step for module in (numbers, texts, words, scalars, tables) for step in module.STEPS
}

__all__ = ["CATALOGUE", "TYPES", "Kind", "Param", "Step", "Value", "fill", "is_block", "meaning"]
