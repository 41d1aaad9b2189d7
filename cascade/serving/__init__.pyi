from .answer import Answer as Answer, NoAnswerError as NoAnswerError, StageTrace as StageTrace
from .cascade import Cascade as Cascade, Limits as Limits, close_members as close_members
from .deciding import Decider as Decider, ThresholdRule as ThresholdRule, decider_of as decider_of
from .plan_book import (
    ANY_PLAN as ANY_PLAN,
    PlanBook as PlanBook,
    parse_plan_file as parse_plan_file,
    plan_name as plan_name,
    read_plan_file as read_plan_file,
)
from .server import listen as listen, serve as serve
from .service import Service as Service
from .settings import PromptCode as PromptCode, ServeSettings as ServeSettings
from .solutions import SolutionFile as SolutionFile, Solved as Solved, solve as solve
from .stored import StoredMember as StoredMember
from .verdicts import Sandbox as Sandbox
