from .base import Problem as Problem
from .dataset import DataSet as DataSet
from .load import EMBEDDED as EMBEDDED, load_problems as load_problems
