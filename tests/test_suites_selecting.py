"""Asking a part of a suite: what is kept, what is stored of it, and what is turned away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import run
from harness.config import SuiteUse, load_config
from harness.errors import ConfigError
from harness.store import Store
from harness.suites import Suite, configured, load_suite, shipped
from harness.suites.selecting import select
from tests.provider import Provider, config_text
from tests.test_suites import FRESH, SUM, TWIN_A, TWIN_B, write

SHIPPED = load_suite(shipped()["topic-lock"])
WHOLE = [
    SUM,
    SUM | {"id": "hard", "prompt": "What is 17 * 23?", "target": "391", "difficulty": 2},
    TWIN_A,
    TWIN_B,
]


def part(**keys: Any) -> Suite:
    return select(SHIPPED, SuiteUse.model_validate(keys), ("suites", "topic-lock"), Path("config.toml"))


def mine(folder: Path, **keys: Any) -> Suite:
    use = SuiteUse.model_validate({"path": "mine"} | keys)
    return configured("mine", use, folder, Path("config.toml"))


def mistakes(**keys: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        part(**keys)
    return list(caught.value.mistakes)


def test_no_key_keeps_the_suite_as_it_is() -> None:
    """A section without these keys asks every probe, and stores the header as written."""
    assert part() is SHIPPED
    assert part().selection.as_json() == {}
    assert "selection" not in part().header


def test_keys_narrow_one_another() -> None:
    """A probe is asked when it fits every key, and one of the values of each."""
    asked = part(
        topics=["biology", "sport"], languages=["en"], depths="1-2", families=["logic", "extraction"]
    )
    expected = [
        probe
        for probe in SHIPPED.probes
        if probe.topic in ("biology", "sport")
        and probe.language == "en"
        and probe.depth in (1, 2)
        and probe.family in ("logic", "extraction")
    ]
    assert 0 < len(expected) < len(SHIPPED.probes)
    assert list(asked.probes) == expected
    rungs = part(difficulties=[1])
    assert {probe.difficulty for probe in rungs.probes} == {1}


def test_pairs_stay_whole() -> None:
    """Every pair that is asked in part is asked in both arms, whatever is kept."""
    for keys in ({"topics": ["chemistry"]}, {"depths": [0, 4]}, {"languages": ["zh"], "difficulties": [2]}):
        asked = part(**keys)
        arms: dict[str | None, set[str | None]] = {}
        for probe in asked.probes:
            arms.setdefault(probe.pair, set()).add(probe.arm)
        assert set(map(frozenset, arms.values())) == {frozenset({"topic", "neutral"})}


def test_a_fresh_probe_has_the_same_text_in_a_part(tmp_path: Path) -> None:
    """What a seed draws does not depend on what else is asked."""
    harder = FRESH | {"id": "fresh-2", "variant": 2, "difficulty": 2}
    write(tmp_path, [*WHOLE, FRESH, harder])
    whole = mine(tmp_path).for_run(11)
    asked = mine(tmp_path, difficulties=[2]).for_run(11)
    assert [probe.id for probe in asked.probes] == ["hard", "fresh-2"]
    assert set(asked.probes) < set(whole.probes)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {"topics": ["bilogy"]},
            'config.toml: suites.topic-lock.topics names "bilogy", which no probe of topic-lock has '
            '(fix: did you mean "biology"? there are: biology, chemistry, cooking, cybersecurity, elections, '
            "frontier-ai, logistics, persuasion, sport)",
        ),
        (
            {"depths": "3-6"},
            "config.toml: suites.topic-lock.depths names 5, 6, which no probe of topic-lock has "
            "(fix: there are: 0, 1, 2, 3, 4)",
        ),
    ],
)
def test_what_a_suite_does_not_have_is_a_mistake(keys: dict[str, Any], expected: str) -> None:
    """A value that no probe has is named with those there are."""
    assert mistakes(**keys) == [expected]


def test_an_empty_part_is_a_mistake(tmp_path: Path) -> None:
    """Keys that no probe fits together are told with the section."""
    write(tmp_path, WHOLE)
    with pytest.raises(ConfigError) as caught:
        mine(tmp_path, families=["pairs"], difficulties=[2])
    assert caught.value.mistakes == (
        "config.toml: suites.mine keeps none of the 4 probes of mine: no probe has families pairs; difficulties 2 "
        "(fix: take one of these keys away, or name more values)",
    )


def test_a_suite_without_rungs_says_so(tmp_path: Path) -> None:
    """A key about something a suite does not have is to be removed."""
    write(tmp_path, [SUM, TWIN_A, TWIN_B])
    with pytest.raises(
        ConfigError, match=r"difficulties names 1, .*remove the key: mine has no difficulties"
    ):
        mine(tmp_path, difficulties=[1])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('depths = "2-1"', 'depths must be a list, got "2-1" (fix: write a list, [1, 2], or a range, "1-3"'),
        ("depths = 3", 'depths must be a list, got 3 (fix: write a list, [1, 2], or a range, "1-3"'),
        ('depths = ["1"]', "depths[0] must be a whole number"),
        ("depths = [-1]", "depths[0] must be >= 0"),
        ("topics = []", "topics must not be an empty list"),
        ('topics = "biology"', 'topics must be a list, got "biology" (fix: write a list, ["biology"])'),
    ],
)
def test_keys_of_the_wrong_kind_are_told(line: str, words: str, tmp_path: Path) -> None:
    """What is no list of names or numbers, or a range the wrong way round, is one line with a fix."""
    file = tmp_path / "config.toml"
    file.write_text(
        config_text("http://127.0.0.1:1", suites="topic-lock").rstrip() + f"\n[suites.mine]\n{line}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    (mistake,) = caught.value.mistakes
    assert f"suites.mine.{words}" in mistake


def test_a_part_is_asked_stored_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run sends what `check` counts, stores the part with what was kept, and the record verifies beside the whole."""
    write(tmp_path, WHOLE)
    file = tmp_path / "config.toml"
    base = "\n[suites.mine]\npath = 'mine'\n"

    def harness(*words: str, keys: str = "", code: int = 0) -> str:
        text = config_text(provider.url, suites="capability")
        file.write_text(text[: text.index("[suites.")] + base + keys)
        assert run([*words, "--config", str(file)]) == code
        said = capsys.readouterr()
        return said.out or said.err

    with Provider() as provider:
        kept = 'families = ["sums"]\ndifficulties = [2]\n'
        assert "suite mine version 1: 1 of 4 probes (families sums; difficulties 2), sha256:" in harness(
            "check", keys=kept
        )
        (told,) = json.loads(harness("check", "--json", keys=kept))["suites"]
        assert (told["probes"], told["probes_in_suite"]) == (1, 4)
        assert told["selection"] == {"families": ["sums"], "difficulties": [2]}
        plans = [json.loads(harness("check", "--json", keys=keys))["plan_hash"] for keys in (kept, kept, "")]
        assert plans[0] == plans[1] != plans[2]
        harness("run", "--seed", "1", keys=kept)
        harness("run", "--seed", "1")
        harness("verify")
        harness("run", keys=kept.replace("[2]", "[2]\n[budgets]\ncalls_per_run = 0"), code=1)
        said = harness("run", "--resume", code=2)
        assert "run 3 cannot be resumed" in said
    with Store.open(tmp_path / "results" / "harness.db", mode="read") as store:
        (first,), (second,) = store.suites(1), store.suites(2)
        assert first.content_hash == second.content_hash
        assert first.header["selection"] == {"families": ["sums"], "difficulties": [2]}
        assert "selection" not in second.header
        assert [probe.id for probe in first.probes] == ["hard"]
        assert len(second.probes) == 4
        ids = [{x.exchange.call_id for x in store.exchanges(run_id=run_id)} for run_id in (1, 2)]
        assert len(ids[0]) == 1
        assert ids[0] < ids[1]
