"""Money that nobody told of: told as at most, counted in budgets, never as nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.cli import run as command
from harness.cli.context import load_project
from harness.monitor.spending import dollars, spent_before, untold
from harness.plan import make_plan
from harness.store import Store
from tests.provider import Provider, completion, config_text

PRICES = "temperature = 0 }\nprices = { input_usd_per_mtok = 10.0, output_usd_per_mtok = 100.0 }"


def silent(request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Answer without token counts, except to every question with an even seed; turn some away."""
    if request["seed"] % 5 == 0:
        return 400, {"error": {"message": "no"}}
    reply = completion(request, "The answer is 4.", 1)
    if request["seed"] % 2:
        del reply["usage"]
    return 200, reply


def tell(folder: Path, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    found = command([*words, "--config", str(folder / "config.toml")])
    said = capsys.readouterr()
    assert found == code, said.err
    return json.loads(said.out) if "--json" in words else " ".join(said.out.split())


def test_replies_without_token_counts_cost_at_most_their_estimates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run and status tell what is known and at most what the rest can have cost; the next run's budget counts it."""
    with Provider(silent) as provider:
        text = config_text(provider.url, suites="refusal-quick").replace("temperature = 0 }", PRICES)
        (tmp_path / "config.toml").write_text(text)
        project = load_project(tmp_path / "config.toml", None)
        plan = make_plan(project.config, project.suites(), 1)
        quiet = [call for call in plan if call.seed % 5 and call.seed % 2]
        counted = [call for call in plan if call.seed % 5 and not call.seed % 2]
        assert quiet
        known = len(counted) * (20 * 10 + 6 * 100) / 1e6
        most = known + sum(call.estimate.cost_usd for call in quiet)
        summary = tell(tmp_path, capsys, "run", "--seed", "1", "--json")
        assert summary["cost_usd"] == pytest.approx(known, abs=1e-6)
        assert summary["cost_usd_at_most"] == pytest.approx(most, abs=1e-6)
        (told,) = tell(tmp_path, capsys, "status", "--json")["runs"]
        assert (told["cost_usd"], told["cost_usd_at_most"]) == (
            summary["cost_usd"],
            summary["cost_usd_at_most"],
        )
        assert f"at most ${most:.4f}" in tell(tmp_path, capsys, "status")
        with Store.open(project.database, mode="read") as store:
            assert untold(store)[1].requests == len(quiet)
            day, month, calls = spent_before(store, store.run_info(1).started_us)
            assert (day, month, calls) == (pytest.approx(most), pytest.approx(most), len(plan))
            assert untold(store, since_us=store.run_info(1).started_us + 10**12) == {}
        before = len(provider.bodies)
        (tmp_path / "config.toml").write_text(f"{text}\n[budgets]\nusd_per_day = {most:.6f}\n")
        stopped = tell(tmp_path, capsys, "run", "--json", code=1)
        assert stopped["stopped_by"].startswith("budgets.usd_per_day")
        assert len(provider.bodies) == before


def test_what_is_free_or_known_is_told_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without prices nothing is unknown, whatever a reply leaves out; amounts that agree are told alone."""
    with Provider(silent) as provider:
        (tmp_path / "config.toml").write_text(config_text(provider.url, suites="refusal-quick"))
        assert tell(tmp_path, capsys, "run", "--json")["cost_usd_at_most"] == 0
    (told,) = tell(tmp_path, capsys, "status", "--json")["runs"]
    assert told["cost_usd_at_most"] == 0
    assert "at most" not in tell(tmp_path, capsys, "status")
    assert (dollars(0.5, 0.5), dollars(0.0, 0.25)) == ("$0.5000", "at most $0.2500")
