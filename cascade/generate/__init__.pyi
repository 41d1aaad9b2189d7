from .family import Family as Family, Model as Model, Server as Server
from .interface import (
    Generator as Generator,
    Measured as Measured,
    SampleRequest as SampleRequest,
    SampleSet as SampleSet,
    nothing as nothing,
)
from .live import Asked as Asked, Member as Member, Ticket as Ticket, text_spec as text_spec
from .local.generator import TransformersGenerator as TransformersGenerator
from .local.profile import (
    ModelProfile as ModelProfile,
    TimedBatch as TimedBatch,
    profile_loaded as profile_loaded,
    profile_random as profile_random,
)
from .prompts import PromptStyle as PromptStyle, StdinPrompts as StdinPrompts
from .reader import TextKind as TextKind, read_program as read_program, read_test_lines as read_test_lines
from .reading import StoredSample as StoredSample, self_test as self_test
from .recordings.recorded import RecordedGenerator as RecordedGenerator
from .remote.engine import EngineGenerator as EngineGenerator
from .remote.openai_server import OpenAIGenerator as OpenAIGenerator
from .sample import Draw as Draw, ModelSamples as ModelSamples, SelfTest as SelfTest, Solution as Solution
from .sample_specs import (
    SOLUTION as SOLUTION,
    TEST as TEST,
    SampleSpec as SampleSpec,
    solution_of as solution_of,
)
from .sample_store import SampleStore as SampleStore
from .survey import (
    LATE_REMEDY as LATE_REMEDY,
    WARN_SHARE as WARN_SHARE,
    Survey as Survey,
    late_line as late_line,
    survey as survey,
)
from .throughput import price_warnings as price_warnings
