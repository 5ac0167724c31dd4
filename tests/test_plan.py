"""The plan is pure: same inputs, same calls; twins travel together; ids and seeds are the call's own."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config import Config
from harness.errors import UsageError
from harness.plan import Plan, make_plan
from harness.suites import Suite, load_suite, shipped


def suites() -> dict[str, Suite]:
    return {
        name: load_suite(shipped()[name]) for name in ("capability-quick", "topic-pairs", "refusal-quick")
    }


SUITES = suites()


def config(samples: int = 1, **limits: float) -> Config:
    return Config.model_validate(
        {
            "endpoints": {
                "one": {
                    "protocol": "openai-chat",
                    "url": "http://127.0.0.1:1/v1",
                    "model": "m",
                    "limits": limits,
                    "prices": {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0},
                },
                "two": {"protocol": "openai-chat", "url": "http://127.0.0.1:2/v1", "model": "n"},
            },
            "suites": {name: {"samples": samples} for name in SUITES},
        }
    )


def plan(seed: int = 7, samples: int = 1) -> Plan:
    return make_plan(config(samples), SUITES, seed)


def test_same_inputs_same_calls() -> None:
    """Planning twice gives the same calls in the same order, another seed another order and other ids."""
    first, second, other = list(plan()), list(plan()), list(plan(8))
    assert first == second
    assert [call.probe.id for call in first] != [call.probe.id for call in other]
    assert not {call.call_id for call in first} & {call.call_id for call in other}


def test_every_call_once() -> None:
    """Every endpoint is asked every probe as often as there are samples, and ids, seeds and indexes differ."""
    calls = list(plan(samples=3))
    counts = Counter((call.endpoint, call.suite, call.probe.id) for call in calls)
    assert set(counts.values()) == {3}
    assert len(counts) == 2 * sum(len(suite.probes) for suite in SUITES.values())
    assert [call.index for call in calls] == list(range(len(calls))) == list(range(len(plan(samples=3))))
    assert len({call.call_id for call in calls}) == len(calls)
    assert len({call.seed for call in calls}) > len(calls) - 3


def test_twins_are_neighbours() -> None:
    """The twins of a pair are sent one after the other, in either order."""
    calls = [call for call in plan() if call.endpoint == "one"]
    places: dict[tuple[str, str, int], list[int]] = {}
    for place, call in enumerate(calls):
        if call.probe.pair is not None:
            places.setdefault((call.suite, call.probe.pair, call.sample), []).append(place)
    assert places
    assert all(max(found) - min(found) == 1 for found in places.values())
    firsts = Counter(calls[min(found)].probe.arm for found in places.values())
    assert len(firsts) > 2, "the order within pairs is random too"


def test_order_is_spread() -> None:
    """Suites are mixed: no suite is asked in one block."""
    order = [call.suite for call in plan() if call.endpoint == "one"]
    changes = sum(left != right for left, right in itertools.pairwise(order))
    assert changes > len(order) / 6


def test_skip_leaves_the_rest_unchanged() -> None:
    """A resumed plan yields exactly the calls that are not marked done."""
    whole = plan()
    done = bytearray(len(whole))
    done[::3] = b"\1" * len(done[::3])
    rest = [call for name in whole.endpoints for call in whole.calls_of(name, done)]
    assert rest == [call for call in whole if not done[call.index]]


def test_estimate_adds_up() -> None:
    """The plan's totals are the sums over its calls, at the endpoint's prices."""
    planned = plan(samples=2)
    total = planned.total("one")
    calls = list(planned.calls_of("one"))
    assert total.calls == len(calls)
    assert total.cost_usd == pytest.approx(sum(call.estimate.cost_usd for call in calls))
    assert total.cost_usd == pytest.approx((total.input_tokens + 2 * total.output_tokens) / 1e6)


def test_rate_limit_sets_the_time() -> None:
    """A plan takes at least as long as the endpoint's rate limit makes it."""
    slow = make_plan(config(requests_per_minute=30.0), SUITES, 1)
    assert slow.total("one").seconds >= 2 * slow.total("one").calls


def test_limits_do_not_change_the_plan() -> None:
    """Limits and prices may change between a kill and its resume; what is sent may not."""
    assert plan().plan_hash == make_plan(config(concurrency=1), SUITES, 7).plan_hash
    assert plan().plan_hash != plan(8).plan_hash


def test_unknown_names() -> None:
    """A suite or endpoint that is not in the config is named with those that are."""
    with pytest.raises(UsageError, match=r"no endpoint named 'three' in the config; it has: one, two"):
        make_plan(config(), SUITES, 1, only_endpoints=["three"])


def test_ids_do_not_depend_on_the_process() -> None:
    """Another process, with another hash seed, plans the same."""
    code = (
        "from tests.test_plan import plan; import hashlib; "
        "print(hashlib.sha256(repr(list(plan())).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4))
def test_any_seed_is_a_permutation(seed: int, samples: int) -> None:
    """Whatever the seed, exactly the planned calls are there."""
    calls = Counter((call.endpoint, call.suite, call.probe.id, call.sample) for call in plan(seed, samples))
    assert set(calls.values()) == {1}
