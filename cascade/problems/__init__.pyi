from .base import Problem as Problem
from .check import Trial as Trial, check_problems as check_problems
from .dataset import DataSet as DataSet
from .load import EMBEDDED as EMBEDDED, load_problems as load_problems
