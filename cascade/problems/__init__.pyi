from .as_function import takes_input as takes_input
from .base import Problem as Problem, put_in_front as put_in_front
from .check import Trial as Trial, check_problems as check_problems
from .dataset import DataSet as DataSet
from .load import EMBEDDED as EMBEDDED, load_problems as load_problems
