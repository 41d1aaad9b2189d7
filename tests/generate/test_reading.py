"""Where a generated text ends, and what it cost up to there; one token a character makes it plain."""

import pytest

from cascade.generate.reading import read_solution, read_test, self_test, tokens_up_to


def decode(ids: list[int]) -> str:  # type: ignore[misc]
    return "".join(map(chr, ids))


def ids(text: str) -> list[int]:
    return list(map(ord, text))


def test_a_solution_ends_before_the_first_stop() -> None:
    written = read_solution(decode, ids("    return 1\n\ndef g():\n    print(2)"), ("\nprint", "\ndef "))
    assert written.text == "    return 1\n"
    assert written.tokens == len("    return 1\n")


def test_without_a_stop_everything_counts() -> None:
    assert read_solution(decode, ids("abc"), ("x",)).tokens == 3


@pytest.mark.parametrize("begins", ["", "assert"])
def test_a_test_counts_its_lines(begins: str) -> None:
    text = "assert f(1) == 2\nassert f([1,\n2]) == 3\n# done\nassert f(4) == 5\n"
    written = read_test(decode, ids(text[len(begins) :]), begins, 3)
    assert written.text == "assert f(1) == 2\nassert f([1,\n2]) == 3\n# done"
    assert self_test(written, 3).text == written.text
    ends = [16, 16 + 1 + 21, 16 + 1 + 21 + 1 + 6]
    assert self_test(written, 3).tokens_at == {i + 1: end - len(begins) for i, end in enumerate(ends)}
    assert written.tokens == ends[-1] - len(begins)


def test_a_test_shorter_than_asked() -> None:
    written = read_test(decode, ids("assert f(1) == 2"), "", 4)
    assert self_test(written, 4).tokens_at == {1: 16}
    assert written.text == "assert f(1) == 2"


def test_an_empty_test() -> None:
    assert read_test(decode, [], "", 4).tokens == 0


def test_tokens_of_several_characters() -> None:
    words = ["def ", "f", "(x)", ":"]

    def decode_words(token_ids: list[int]) -> str:  # type: ignore[misc]
        return "".join(words[i] for i in token_ids)

    counts = {end: tokens_up_to(decode_words, [0, 1, 2, 3], end) for end in (0, 1, 4, 5, 8, 9)}
    assert counts == {0: 0, 1: 1, 4: 1, 5: 2, 8: 3, 9: 4}
