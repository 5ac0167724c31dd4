"""What a schedule can find: the simulated worlds agree with the engines, the ledger and what is then found."""

import dataclasses
import json
import re
from math import inf, log
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.claims import Tier
from harness.cli import run
from harness.config import load_config
from harness.findings import InMemory, Layout, Signal, evidence, ledger
from harness.findings.habits import Habits, habits
from harness.findings.ledger import SETTINGS, UPWARDS
from harness.findings.power import Asking, Delays, Scene, Shape, change, simulate
from harness.findings.power_measure import Measure, ranks, two_sided_paths
from harness.findings.state import draw
from harness.monitor import power as planning
from harness.monitor import power_search as search
from harness.stats.rank_bets import bet, bet_paths
from harness.stats.shares import ORDINARY_DAY_SD, day_sd, shares
from harness.suites import Suite, cut, load_suite
from tests.findings_worlds import START_US, World, ability, config, load

ROOT = Path(__file__).parent.parent
QUICK = "capability-quick"
COLUMNS = ("n", "failed", "denied", "score_sum", "refused", "cut", "empty", "unparsed", "truncated")


def scene(names: list[str], *, per_day: float = 1, alone: Signal | None = None, within: float = 60) -> Scene:
    """Return an endpoint watched with assumed difficulties, equal days, and (with `alone`) one stream only."""
    suites, made = load(names), config(names)
    budget = ledger(made, suites)
    if alone is not None:
        only = tuple(stream for stream in budget.streams if stream.signal is alone)
        budget = dataclasses.replace(budget, streams=only, weights={only[0].name: 1.0})
    known = {name: Habits(suites[name], None, 0, 0, 0.0, 0.0, None) for name in names}
    asking = {name: Asking(per_day, 1) for name in names}
    return Scene("one", budget, Layout(made, suites), known, asking, 30, within)


def test_bets_of_many_streams_are_those_of_single_steps() -> None:
    """The paths in arrays equal the stored steps, run after run, also once old dates are dropped."""
    p = np.random.default_rng(3).random((4, 2, 90))
    p[0, :, 40:] *= 0.1
    counted = np.arange(90) >= 7
    down, up = bet_paths(p, counted, 0.85)
    for stream in range(4):
        state = None
        for number in range(7, 90):
            state = bet(state, number + 1, p[stream, :, number], 0.85)
            assert np.allclose((down[stream, number], up[stream, number]), state.log_evidence, atol=1e-9)
    assert np.isneginf(down[:, :7]).all()


def test_simulated_evidence_is_that_of_the_real_update() -> None:
    """The same counts give the same average evidence in arrays and run by run through scores, states and ledger."""
    names = [QUICK, "topic-pairs"]
    suites, made = load(names), config(names)
    world = World(
        made,
        suites,
        lambda _, probe, __: {"right": 0.9 * ability(probe), "declined": 0.05, "unreadable": 0.03},
    )
    memory, runs = InMemory.of(made, suites), [world.run(day) for day in range(16)]
    expected = []
    for each in runs:
        memory.take(each)
        expected.append(evidence("one", memory.states, memory.ledger, 1)[0])
    total = np.full(16, -np.inf)
    for name in names:
        streams = [s for s in memory.ledger.streams if s.key.suite == name and s.counted]
        measure = Measure(memory.layout, streams, 1, 1, 16)
        for number, each in enumerate(runs):
            table = each.table[each.table["suite"] == name]
            counts = table[["score_sum", "refused", "unparsed"]].to_numpy().T.astype(np.int16)[:, None, :]
            measure.keep(number, counts)
        for stream in streams:
            u = np.array([[draw(each.seed, each.run_id, stream.name) for each in runs]])
            path = two_sided_paths(np.array([UPWARDS.get(stream.signal, 0.5)]), measure.ranked(stream, u))[0]
            total = np.logaddexp(total, log(memory.ledger.weights[stream.name]) + path)
            if stream.day_sd:
                provisional = memory.states[stream.name, stream.definition].log_incident(1)
                assert measure.incident(stream)[0, -1] == pytest.approx(provisional[0])
    assert np.allclose(total, expected, atol=1e-9)
    assert np.isfinite(total[8:]).all()


@pytest.mark.parametrize(("drop", "days"), [(0.05, 11), (0.10, 8), (0.20, 7)])
def test_delays_are_those_measured_for_the_engine(
    drop: float, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """About 84 calls a day with a baseline of 30: 5 points take about 11 days, 10 about 8, 20 about 7 (150 worlds).

    Measured for the plain rule and the sum over one direction at 100 calls; both directions are looked for here, and
    bets on ranks are averaged in, which is a day or two either way. Tempered, as used, it takes up to half as long again.
    """
    used = simulate(scene([QUICK], alone=Signal.CORRECT), Shape.UNIFORM, drop, 150, 5)
    monkeypatch.setattr(f"{two_sided_paths.__module__}.SETTINGS", dataclasses.replace(SETTINGS, temper=1.0))
    plain = simulate(scene([QUICK], alone=Signal.CORRECT), Shape.UNIFORM, drop, 150, 5)
    median = plain.quantile(0.5)[0]
    assert days - 2 <= median <= days * 1.35 + 1
    assert median < used.quantile(0.5)[0] <= 1.5 * median
    assert plain.early == used.early == 0
    assert plain.found().estimate == pytest.approx(1, abs=0.04)


def test_incidents_come_sooner_than_persistent_findings() -> None:
    """The fast tier finds a drop of 10 points in fewer days, in the same worlds."""
    watched = scene([QUICK], within=20)
    fast, slow = (
        simulate(watched, Shape.UNIFORM, 0.1, 40, 1, tier) for tier in (Tier.INCIDENT, Tier.PERSISTENT)
    )
    assert fast.quantile(0.5)[0] < slow.quantile(0.5)[0]
    assert fast.tier is Tier.INCIDENT


def test_the_same_seed_gives_the_same_answer() -> None:
    """Simulated delays are a function of question and seed; another seed gives others."""
    watched = scene([QUICK], within=20)
    first, again, other = (simulate(watched, Shape.UNIFORM, 0.1, 30, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_small_changes_take_longer_and_nothing_is_found_in_nothing() -> None:
    """Delays shrink with the size of the change; without one at most a world in 60 alarms within 50 days."""
    watched = scene([QUICK], within=20)
    small, large = (simulate(watched, Shape.UNIFORM, drop, 60, 1) for drop in (0.04, 0.2))
    assert small.found().estimate < large.found().estimate
    assert simulate(watched, Shape.NOTHING, 0.0, 60, 1).early <= 1


def test_a_change_moves_the_shares_it_names_by_the_size_it_names() -> None:
    """Mean right answers, or refusals, of the part that is hit move by the drop; the rest stays."""
    suite = load(["topic-pairs"])["topic-pairs"]
    known = Habits(suite, None, 0, 0, 0.0, 0.0, None)
    before = known.draw(np.random.default_rng(1), 3)
    topic = suite.topics[0]
    mine = np.array([p.topic == topic and p.arm == suite.arms[0] for p in suite.probes])
    silent = change(before, known, Shape.SILENT_LOCK, 0.1, [topic, topic, None])
    moved = before.right - silent.right
    assert moved[:2, mine].mean(1) == pytest.approx(0.1)
    assert (moved[:, ~mine] == 0).all()
    assert (moved[2] == 0).all()
    refused = change(before, known, Shape.REFUSAL, 0.1, ["", "", ""])
    assert (refused.declined - before.declined).mean(1) == pytest.approx(0.1)
    family = change(before, known, Shape.FAMILY, 0.02, [suite.families[0]] * 3)
    assert (before.right - family.right).mean(1) == pytest.approx(0.02)
    locked = change(before, known, Shape.EXPLICIT_LOCK, 0.2, [topic] * 3)
    assert (locked.declined - before.declined)[:, mine].mean(1) == pytest.approx(0.2)
    assert (locked.right <= 1 - locked.declined - locked.unreadable + 1e-12).all()


def test_quantiles_are_infinite_where_too_few_were_found() -> None:
    """A chance that was not reached within the days looked at gives no number of days."""
    found = Delays(Shape.UNIFORM, 0.05, Tier.PERSISTENT, 10, 0, 30, (5.0,) * 6 + (inf,) * 4)
    assert found.quantile(0.5)[0] == 5
    assert found.quantile(0.8)[0] == inf
    assert found.found().estimate == pytest.approx(0.6)


def test_shrunk_shares_are_nearer_the_truth_than_raw_ones() -> None:
    """With five answers a probe the shrunk chances miss by less, and draws from them are spread about the truth."""
    rng = np.random.default_rng(2)
    truth = rng.beta(1.2, 0.6, 400)
    right = rng.binomial(5, truth).astype(float)
    known = shares(right, np.full(400, 5.0))
    a, b = known.prior
    shrunk = (right + a) / (5 + a + b)
    assert ((shrunk - truth) ** 2).mean() < 0.8 * ((right / 5 - truth) ** 2).mean()
    assert known.draw(rng, 200).mean() == pytest.approx(truth.mean(), abs=0.03)
    with pytest.raises(ValueError, match="two answers"):
        shares(right[:5] > 2, np.ones(5))


@pytest.mark.parametrize("sd", [0.0, 0.4])
def test_day_to_day_noise_is_told_from_luck(sd: float) -> None:
    """Forty days of 200 answers tell equal days from days that differ by .4 on the logit; two days tell nothing."""
    rng = np.random.default_rng(4)
    truth = rng.beta(2, 1, 200)
    odds = np.log(truth / (1 - truth)) + sd * rng.standard_normal((40, 1))
    right = (rng.random((40, 200)) < 1 / (1 + np.exp(-odds))).astype(float)
    asked = np.ones_like(right)
    known = shares(right.sum(0), asked.sum(0))
    assert day_sd(known, right, asked) == pytest.approx(max(sd, 0.07), abs=0.08)
    assert day_sd(known, right[:1], asked[:1]) == ORDINARY_DAY_SD


def tallies(runs: list[pd.DataFrame], suite: Suite) -> pd.DataFrame:
    """Return runs, one a day, as the store gives them."""
    tables = []
    for day, table in enumerate(runs):
        made = table.assign(run_id=day + 1, cost_usd=0.001, suite_hash=suite.content_hash)
        made["started_at"] = pd.Timestamp(START_US // 1_000_000 + day * 86_400, unit="s", tz="UTC")
        tables.append(made)
    return pd.concat(tables, ignore_index=True)


def test_what_is_promised_is_found_as_often_as_promised() -> None:
    """Planned from 20 measured days, a drop of 15 points is then found within the promised days in about 80%.

    16 lives, each through tallies, scores, states and ledger; if 80% holds, at least 8 are found but once in 700 times.
    """
    suite, made = load([QUICK])[QUICK], config([QUICK])
    suites = {QUICK: suite}

    def model(first: int):
        def answers(_: str, probe, day: int) -> dict[str, float]:
            skill = 0.95 * ability(probe)
            return {"right": skill * (1 - lost) if day >= first else skill, "declined": 0.02}

        return answers

    lost = 0.15 / float(np.mean([0.95 * ability(probe) for probe in suite.probes]))
    past = World(made, suites, model(99), seed=50)
    known = habits(suite, tallies([past.run(day).table for day in range(20)], suite))
    assert known.known is not None
    plan = Scene(
        "one", ledger(made, suites), Layout(made, suites), {QUICK: known}, {QUICK: Asking(1, 1)}, 20, 30
    )
    promised = simulate(plan, Shape.UNIFORM, 0.15, 100, 1)
    days = promised.quantile(0.8)[0]
    assert days < 20
    found = 0
    for life in range(16):
        world, memory = World(made, suites, model(20), seed=life), InMemory.of(made, suites)
        for day in range(20 + int(days)):
            if memory.take(world.run(day)).findings:
                found += 1
                break
    assert found >= 8


def test_too_few_answers_are_not_taken_for_difficulties() -> None:
    """Two runs of one sample say nothing yet: difficulties are assumed, and it says so."""
    suite, made = load([QUICK])[QUICK], config([QUICK])
    world = World(made, {QUICK: suite}, lambda *_: {"right": 0.5}, seed=1)
    few = habits(suite, tallies([world.run(day).table for day in range(2)], suite))
    assert few.known is None
    assert "assumed" in few.words()
    assert few.cost_usd == pytest.approx(0.001)
    enough = habits(suite, tallies([world.run(day).table for day in range(6)], suite))
    assert enough.known is not None
    assert "measured in 6 runs on 6 days" in enough.words()


def test_ranks_in_arrays_are_conformal_p() -> None:
    """A run's p counts the worse runs before it and a share of the equal ones, itself included."""
    p = ranks(np.array([[3, 1, 3, 2.0]]), np.full((1, 4), 0.5))
    assert p.tolist() == [[0.5, 0.25, 2 / 3, 0.375]]


# --- a part of a suite ---


def test_a_cut_suite_keeps_pairs_whole_and_classes_in_equal_parts() -> None:
    """At most so many probes, no torn pair, every topic's share within one pair of the others, always the same."""
    suite = load_suite(ROOT / "probes" / "topic-pairs")
    small = cut(suite, 24)
    assert len(small.probes) <= 24
    pairs = {probe.pair for probe in small.probes}
    assert all(sum(probe.pair == pair for probe in small.probes) == 2 for pair in pairs)
    per_topic = [sum(probe.topic == topic for probe in small.probes) for topic in suite.topics]
    assert max(per_topic) - min(per_topic) <= 4
    assert small == cut(suite, 24)
    assert {p.id for p in small.probes} <= {p.id for p in cut(suite, 40).probes}
    assert cut(suite, 10_000).probes == suite.probes
    assert small.for_run(5).probes == small.probes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A config with two suites, prices and a schedule."""
    file = tmp_path / "config.toml"
    file.write_text(
        '[endpoints.one]\nprotocol = "openai-chat"\nurl = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
        "prices = { input_usd_per_mtok = 1.0, output_usd_per_mtok = 5.0 }\nparameters = { max_tokens = 64 }\n"
        '[suites.capability-quick]\n[suites.topic-pairs]\n[schedules.daily]\ncron = "17 6 * * *"\n'
    )
    return file


def harness(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> str:
    assert run([str(word) for word in words]) == code
    said = capsys.readouterr()
    return said.out if code in (0, 4) and said.out else said.err


def test_power_answers_in_one_sentence_and_a_table(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Days with 80% and 95%, a price, every kind of change with its interval, and the same calls divided otherwise."""
    said = harness(
        capsys, "power", "--config", project, "--suite", "topic-pairs", "--drop", 40, "--worlds", 20
    )
    assert re.search(r"found in about \d+ days with 80% probability \(in \d+ with 95%\), for \$\d", said)
    assert "assumed, too little is measured yet" in said
    assert said.count("persistent") == 5
    assert "divided otherwise" in said


def test_power_finds_a_schedule_and_writes_a_block_that_works(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The block named by --write loads as config; the config itself is not touched, a file is never replaced."""
    before, target = project.read_text(), project.parent / "planned.toml"
    words = ("power", "--config", project, "--suite", QUICK, "--drop", 20, "--within", 14, "--worlds", 40)
    told = json.loads(harness(capsys, *words, "--json", "--write", target))["endpoints"][0]
    assert told["cheapest"]["found"]["share"] >= 0.8
    assert told["cheapest"]["usd_per_day"] > 0
    assert project.read_text() == before
    assert "already there" in harness(capsys, *words, "--write", target, code=2)
    merged = (
        before.replace("[suites.capability-quick]\n", "").split("[schedules.daily]")[0] + target.read_text()
    )
    project.write_text(merged)
    loaded = load_config(project, {})
    assert loaded.schedules["planned"].suites == (QUICK,)
    assert loaded.suites[QUICK].samples == told["cheapest"]["samples"]
    harness(capsys, "plan", "--config", project)


def test_power_says_when_nothing_can_be_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 4: no stream to watch, no stream that shows the kind asked for, or no schedule that does."""
    text = project.read_text()
    project.write_text(text.replace("[suites.capability-quick]\n[suites.topic-pairs]", "[suites.identity]"))
    assert "nothing to say" in harness(capsys, "power", "--config", project, code=4)
    project.write_text(text)
    words = ("power", "--config", project, "--suite", QUICK, "--worlds", 20)
    assert "nothing that is watched would show it" in harness(capsys, *words, "--kind", "silent-lock", code=4)
    assert "no schedule that was tried" in harness(
        capsys, *words, "--drop", 1, "--within", 3, "--budget", "200calls", code=4
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--drop", "0"], "--drop 0: a change is more than 0"),
        (["--within", "0"], "--within 0: between 1 and 365"),
        (["--baseline", "3"], "between 8 and 365 days"),
        (["--budget", "5"], "2.5usd or 400calls"),
        (["--budget", "-5usd"], "2.5usd or 400calls"),
        (["--suite", "nope"], "no suite named 'nope'"),
        (["--endpoint", "nope"], "no endpoint named 'nope'"),
        (["--write", "-"], "--within DAYS"),
        (["--within", "9", "--write", "/nowhere/x.toml"], "no folder /nowhere"),
    ],
)
def test_power_tells_mistakes_in_one_line(
    words: list[str], told: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be asked is exit 2, names the option and says how to write it."""
    assert told in harness(capsys, "power", "--config", project, *words, code=2)


def test_a_schedule_over_budget_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan that a budget would cut short says so, with the budget named or the config's own."""
    project.write_text(project.read_text() + "[budgets]\nusd_per_day = 0.001\n")
    words = ("power", "--config", project, "--suite", QUICK, "--worlds", 20, "--drop", 30)
    said = harness(capsys, *words, "--budget", "40calls")
    assert "over budget: 85 calls a day, 40 allowed" in said
    assert "over budget: $" in said


def test_a_budget_is_divided_without_being_exceeded() -> None:
    """Every division of a day's calls stays within them, give or take a rounded part of a suite."""
    suites, made = load([QUICK]), config([QUICK])
    watch = planning.watched(made, suites, None, "one", None, baseline_days=30, within_days=60)
    assert watch is not None
    ways = search.divisions(watch, 170, None)
    assert {way.per_day for way in ways} == {3 / 7, 1.0, 2.0, 4.0}
    assert all(watch.spending(way).calls <= 170 * 1.03 for way in ways)
