from .collector import collector_paused as collector_paused
from .credentials import (
    MaskingFormatter as MaskingFormatter,
    mask_credentials as mask_credentials,
    mask_files as mask_files,
    print_traceback as print_traceback,
    without_user as without_user,
)
from .errors import (
    FAILED as FAILED,
    CascadeError as CascadeError,
    ConfigError as ConfigError,
    DataError as DataError,
    ExecutionError as ExecutionError,
)
from .hub import reach_hub as reach_hub
from .names import file_name as file_name, shortened as shortened
from .process import is_alive as is_alive, this_host as this_host
from .program import install_command as install_command, program as program, requirement as requirement
from .progress import Progress as Progress
from .records import Place as Place, Record as Record, read_records as read_records, read_value as read_value
from .settings import WHERE_AND_HOW as WHERE_AND_HOW, flat_settings as flat_settings, is_under as is_under
from .store import Claims as Claims, Log as Log, VerdictStore as VerdictStore, digest as digest
