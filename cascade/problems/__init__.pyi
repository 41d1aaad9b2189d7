from .apps_tests import SAME_OUTPUT_NAME as SAME_OUTPUT_NAME
from .as_function import takes_input as takes_input
from .base import Problem as Problem, preamble_of as preamble_of, put_in_front as put_in_front
from .check import Trial as Trial, check_problems as check_problems
from .dataset import DataSet as DataSet
from .load import EMBEDDED as EMBEDDED, load_problems as load_problems
from .prompt_synthesis import pose as pose
from .prompts import read_prompts as read_prompts
from .stdin_programs import STDIN_NAME as STDIN_NAME
