"""Steps on dictionaries from strings to integers."""

from training.mini.steps.base import Kind, Step


def _table(name: str, *styles: str, phrases: tuple[str, ...], params: tuple[int | str, ...] = (),
           gives: Kind = "table") -> Step:  # fmt: skip
    return Step(name, "table", gives, phrases, styles, params)


def _values(name: str, value: str, *phrases: str, params: tuple[int, ...] = ()) -> Step:
    return _table(
        name,
        f"{{key: {value} for key, n in {{v}}.items()}}",
        f"{{o}} = {{}}\nfor key, n in {{v}}.items():\n    {{o}}[key] = {value}",
        phrases=phrases,
        params=params,
    )


def _entries(name: str, condition: str, *phrases: str, params: tuple[int, ...] = ()) -> Step:
    return _table(
        name,
        f"{{key: n for key, n in {{v}}.items() if {condition}}}",
        f"{{o}} = {{}}\nfor key, n in {{v}}.items():\n    if {condition}:\n        {{o}}[key] = n",
        phrases=phrases,
        params=params,
    )


_ITEMS = (
    _values("add_values", "n + {k}", "add {k} to every value", "increase each value by {kw}",
            "raise all values of the dictionary by {k}", "go up by {k} in each entry", params=(1, 2, 3, 5)),
    _values("subtract_values", "n - {k}", "subtract {k} from every value", "decrease each value by {kw}",
            "lower all values of the dictionary by {k}", "go down by {k} in each entry", params=(1, 2, 3, 5)),
    _values("multiply_values", "n * {k}", "multiply every value by {k}", "scale each value by {kw}",
            "make all values of the dictionary {k} times as large", "take {k} times the value in each entry",
            params=(2, 3, 10)),
    _values("negate_values", "-n", "negate every value", "flip the sign of each value",
            "change the sign of all values of the dictionary", "take the opposite value in each entry"),
    _values("cap_values", "min(n, {k})", "cap every value at {k}", "limit each value to at most {kw}",
            "replace values above {k} with {k} in the dictionary", "let no entry exceed {k}",
            params=(3, 5, 7)),
    _values("parity_values", "n % 2", "replace every value by its remainder mod 2",
            "take each value modulo two",
            "write 1 for odd values and 0 for even values", "reduce each entry to its parity"),
    _values("key_lengths", "len(key)", "replace every value by the length of its key",
            "store the key length in each entry",
            "map each key to its own length", "put how long the key is in place of each value"),
    _entries("keep_value_above", "n > {k}", "keep the entries with a value greater than {k}",
             "drop entries of at most {kw}",
             "remove every key whose value is {k} or less", "keep only keys with more than {k}",
             params=(1, 2, 3, 5)),
    _entries("keep_value_below", "n < {k}", "keep the entries with a value smaller than {k}",
             "drop entries of at least {kw}",
             "remove every key whose value is {k} or more", "keep only keys with less than {k}",
             params=(3, 5, 7)),
    _entries("keep_value_even", "n % 2 == 0", "keep the entries with an even value",
             "drop entries with an odd value",
             "remove every key whose value is odd", "keep only keys with even values"),
    _entries("keep_value_odd", "n % 2 == 1", "keep the entries with an odd value",
             "drop entries with an even value",
             "remove every key whose value is even", "keep only keys with odd values"),
    _table("upper_keys", "{key.upper(): n for key, n in {v}.items()}",
           "{o} = {}\nfor key, n in {v}.items():\n    {o}[key.upper()] = n",
           phrases=("convert the keys to upper case", "write all keys in capital letters",
                    "make every key upper-case",
                    "capitalize the keys completely")),
    _table("sort_keys", "dict(sorted({v}.items()))", "{key: {v}[key] for key in sorted({v})}",
           phrases=("sort the entries by key", "put the keys in alphabetical order",
                    "arrange the dictionary by its keys",
                    "order the entries alphabetically")),
    _table("sort_values", "dict(sorted({v}.items(), key=lambda item: item[1]))",
           "{key: {v}[key] for key in sorted({v}, key={v}.get)}",
           phrases=("sort the entries by value", "put entries with small values first",
                    "arrange the dictionary by its values",
                    "order the entries from the smallest value to the largest")),
)  # fmt: skip

_ENDS = (
    _table("values", "list({v}.values())", "[{v}[key] for key in {v}]", gives="numbers",
           phrases=("list the values", "take the values in order", "make a list of all values",
                    "collect the values, without the keys")),
    _table("keys", "list({v})", "[key for key in {v}]", gives="words",
           phrases=("list the keys", "take the keys in order", "make a list of all keys",
                    "collect the keys, without the values")),
    _table("value_total", "sum({v}.values())", "{o} = 0\nfor key in {v}:\n    {o} += {v}[key]",
           gives="number",
           phrases=("add up the values", "find the sum of all values", "sum over the entries",
                    "compute the total of the values")),
    _table("largest_value", "max({v}.values(), default=0)",
           "{o} = 0\nif {v}:\n    {o} = max({v}.values())", gives="number",
           phrases=("find the largest value, or 0 if there is none",
                    "take the maximal value (0 for an empty dictionary)",
                    "pick the greatest value, 0 if there are no entries")),
    _table("smallest_value", "min({v}.values(), default=0)",
           "{o} = 0\nif {v}:\n    {o} = min({v}.values())", gives="number",
           phrases=("find the smallest value, or 0 if there is none",
                    "take the minimal value (0 for an empty dictionary)",
                    "pick the least value, 0 if there are no entries")),
    _table("entry_count", "len({v})", "{o} = 0\nfor _ in {v}:\n    {o} += 1", gives="number",
           phrases=("count the entries", "find the number of keys", "tell how many keys there are",
                    "get the size of the dictionary")),
    _table("best_key", "max({v}, key={v}.get, default='')",
           "{o} = ''\nfor key in {v}:\n    if {o} == '' or {v}[key] > {v}[{o}]:\n        {o} = key",
           gives="text",
           phrases=("find the key with the largest value, the first one on a tie, or '' if there is none",
                    "pick the key of the maximal value (the earliest such, '' for no entries)",
                    "take the first key whose value is the greatest, '' if the dictionary is empty")),
    _table("joined_keys", "''.join({v})", "{o} = ''\nfor key in {v}:\n    {o} += key", gives="text",
           phrases=("join the keys into one string", "concatenate the keys",
                    "write the keys one after another",
                    "glue the keys together")),
)  # fmt: skip

STEPS: tuple[Step, ...] = _ITEMS + _ENDS
