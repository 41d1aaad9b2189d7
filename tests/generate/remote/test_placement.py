"""Which GPUs a server is given, by hand; and what a token costs a server that is full, by hand."""

import pytest

from cascade.generate.remote.engine_member import command_line
from cascade.generate.remote.placement import Gpu, bytes_per_column, chosen_gpus, gpus_needed
from cascade.generate.remote.work_clock import WorkClock

TABLE = "0, GPU-aaa, 81559\n1, GPU-bbb, 81559\n2, GPU-abc, 40960\n"
GIB = 1 << 30


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["0", "1", "2"]),
        ("", []),
        ("2,0", ["2", "0"]),
        ("GPU-bb", ["GPU-bb"]),
        ("GPU-a", []),  # of two
        ("1,7,0", ["1"]),  # what stands behind a device that is none does not count
        ("-1", []),
    ],
)
def test_the_gpus_that_are_visible(visible: str | None, names: list[str]) -> None:
    assert [gpu.name for gpu in chosen_gpus(TABLE, visible)] == names
    assert chosen_gpus(TABLE, "2") == (Gpu("2", 40 * GIB),)


def test_the_smallest_power_of_two_that_holds_a_batch_of_ten() -> None:
    """The paper's Table 2: WizardCoder-Python needs 2, 4 and 8 RTX 3090 of 24 GB for 7B, 13B and 34B."""
    shapes = {2: (6.74e9, 32, 32), 4: (13.02e9, 40, 40), 8: (33.74e9, 48, 8)}
    for gpus, (parameters, layers, kv_heads) in shapes.items():
        column = bytes_per_column(
            {
                "num_hidden_layers": layers,
                "num_key_value_heads": kv_heads,
                "num_attention_heads": 32,
                "head_dim": 128,
            }
        )
        assert column == 2 * layers * kv_heads * 128 * 2
        assert gpus_needed(int(2 * parameters), column, 2048, 24 * GIB) in (gpus, gpus // 2)
    assert gpus_needed(60 * GIB, 0, 0, 80 * GIB) == 1
    assert gpus_needed(73 * GIB, 0, 0, 80 * GIB) == 2
    assert gpus_needed(145 * GIB, 0, 0, 80 * GIB) == 4


@pytest.mark.parametrize(
    ("config", "values"),
    [
        ({"n_layer": 2, "n_head": 4, "n_embd": 64}, 2 * 2 * 64),
        ({"n_layer": 2, "n_head": 4, "n_embd": 64, "multi_query": True}, 2 * 2 * 16),
        (
            {"num_hidden_layers": 27, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "hidden_size": 2048},
            27 * 576,
        ),
    ],
)
def test_values_of_a_column(config: dict[str, object], values: int) -> None:
    assert bytes_per_column(config) == 2 * values


def test_an_argument_that_stands_for_nothing_is_left_out() -> None:
    template = ["vllm", "serve", "{model}", "--revision={revision}", "--port={port}"]
    assert command_line(template, {"model": "m", "revision": None, "port": 8}) == [
        "vllm",
        "serve",
        "m",
        "--port=8",
    ]


def test_the_shares_of_all_requests_are_the_wall_time() -> None:
    """Two rows from 0, one ends at 4 and another begins; all end by 10: 10 seconds, whoever pays."""
    at = [0.0]
    clock = WorkClock(2, 1, lambda: at[0])
    a, b = clock.begin(1), clock.begin(1)
    at[0] = 4.0
    first = clock.end(a, 40)
    c = clock.begin(1)
    at[0] = 8.0
    second = clock.end(b, 80)
    at[0] = 10.0
    third = clock.end(c, 60)
    assert [t.seconds for t in (first, second, third)] == [2.0, 4.0, 4.0]
    # The last one had the server for itself from 8 to 10: not measured at full batch.
    assert [t.full for t in (first, second, third)] == [True, True, False]
    full = [first, second]
    assert sum(t.seconds for t in full) / sum(t.tokens for t in full) == pytest.approx(6 / 120)
