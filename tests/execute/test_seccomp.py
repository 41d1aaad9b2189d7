"""The numbers of system calls, against the kernel's own headers and the newest that headers may lack."""

import re
from pathlib import Path

import pytest

from cascade.execute.isolation import seccomp

# x86_64's numbers have a list of their own; aarch64 has the generic one.
HEADERS = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm-generic/unistd.h")
# Since 5.1 every architecture gives a new call the same number.
NEWEST = {
    **{"fchmodat2": 452, "statmount": 457, "listmount": 458, "setxattrat": 463, "removexattrat": 466},
    **{"open_tree_attr": 467, "file_setattr": 469},
}
LISTED = {**seccomp._NUMBERS, **seccomp._SPECIAL}


@pytest.mark.parametrize("column", [0, 1], ids=["x86_64", "aarch64"])
def test_numbers_are_the_kernels(column: int) -> None:
    path = Path(HEADERS[column])
    if not path.exists():
        pytest.skip(f"{path} is not installed (linux-libc-dev)")
    lines = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())
    kernel = {name: int(number) for name, number in lines}
    assert len(kernel) > 250
    ours = {name: numbers[column] for name, numbers in LISTED.items()}
    assert {n: x for n, x in ours.items() if x >= 0 and n in kernel and kernel[n] != x} == {}
    assert {n for n, x in ours.items() if x < 0 and n in kernel} == set()
    unknown = {n: x for n, x in ours.items() if x >= 0 and n not in kernel}
    assert unknown.items() <= NEWEST.items()


def test_the_newest_calls() -> None:
    assert {name: seccomp._NUMBERS[name] for name in NEWEST} == {n: (x, x) for n, x in NEWEST.items()}
    assert max(x for numbers in LISTED.values() for x in numbers) < seccomp.FIRST_UNKNOWN


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("sethostname", (170, 161)),
        ("settimeofday", (164, 170)),
        ("setdomainname", (171, 162)),
        ("setxattr", (188, 5)),
        ("removexattr", (197, 14)),
    ],
)
def test_numbers_that_were_mixed_up(name: str, numbers: tuple[int, int]) -> None:
    assert seccomp._NUMBERS[name] == numbers
