from .family import Family as Family, Model as Model, Server as Server
from .interface import (
    Generator as Generator,
    Measured as Measured,
    Request as Request,
    SampleSet as SampleSet,
)
from .local.generator import TransformersGenerator as TransformersGenerator
from .local.profile import (
    ModelProfile as ModelProfile,
    Plan as Plan,
    profile_loaded as profile_loaded,
    profile_random as profile_random,
)
from .prompts import PromptStyle as PromptStyle
from .recordings.recorded import RecordedGenerator as RecordedGenerator
from .remote.engine import EngineGenerator as EngineGenerator
from .remote.openai_server import OpenAIGenerator as OpenAIGenerator
from .sample import Draw as Draw, ModelSamples as ModelSamples
