"""The configuration boundary: a composed configuration becomes a checked, frozen study."""

from cascade.config.hardware import ANY_DATASET
from cascade.config.study import ProfileSettings, SplitSettings, Study, build_study

__all__ = ["ANY_DATASET", "ProfileSettings", "SplitSettings", "Study", "build_study"]
