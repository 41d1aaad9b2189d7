from .choices import (
    AccuracyOf as AccuracyOf,
    AllowedPlans as AllowedPlans,
    PromiseOf as PromiseOf,
    ReportOf as ReportOf,
    Side as Side,
)
from .composing import (
    CONF as CONF,
    compose_study as compose_study,
    is_option as is_option,
    prepare_composition as prepare_composition,
)
from .hardware import ANY_DATASET as ANY_DATASET
from .inputs import check_inputs as check_inputs
from .keys import no_such_setting as no_such_setting
from .schemas import (
    Config as Config,
    EngineConfig as EngineConfig,
    OpenAIConfig as OpenAIConfig,
    RecordedConfig as RecordedConfig,
    SolveConfig as SolveConfig,
    SplitConfig as SplitConfig,
    TransformersConfig as TransformersConfig,
)
from .study import Study as Study, build_study as build_study
