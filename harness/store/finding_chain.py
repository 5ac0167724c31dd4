"""What is hashed of the findings' tables, byte for byte."""

from __future__ import annotations

import json

from harness.claims import finding_json
from harness.store.chain import ALGORITHM, canonical, digest
from harness.store.finding_rows import PeriodRow, StepRow, UpdateRow


def period_hash(period: PeriodRow, previous: bytes | None) -> bytes:
    """Hash a period of the alpha ledger, chained to the one before."""
    return digest(
        canonical(
            {
                "algorithm": ALGORITHM,
                "format": "harness.period/1",
                "ledger_sha256": digest(period.ledger.encode()).hex(),
                "opened_us": period.opened_us,
                "period": period.id,
                "previous": None if previous is None else previous.hex(),
                "reason": period.reason,
                "world": period.world,
                "year_us": period.year_us,
            }
        )
    )


def _step(step: StepRow) -> list[object]:
    numbers = (step.value, step.score, step.n, step.planned, step.u, step.log_e_down, step.log_e_up)
    plain = [float(each) + 0.0 if isinstance(each, float) else each for each in numbers]
    return [
        *(step.stream, step.definition, step.status, *plain),
        *(digest(step.input).hex(), step.state_sha256.hex()),
    ]


def update_hash(update: UpdateRow, previous: bytes | None) -> bytes:
    """Hash an update with its steps (by stream's name), findings and events, chained to the one before."""
    steps = [_step(step) for step in sorted(update.steps, key=lambda step: (step.stream, step.definition))]
    return digest(
        canonical(
            {
                "algorithm": ALGORITHM,
                "at_us": update.at_us,
                "events": sorted(
                    [each.finding_id, each.standing.value, each.words] for each in update.events
                ),
                "findings": [digest(canonical(finding_json(each))).hex() for each in update.findings],
                "format": "harness.update/1",
                "makers": update.makers,
                "notes": list(update.notes),
                "period": update.period_id,
                "previous": None if previous is None else previous.hex(),
                "run": update.run_id,
                "steps_sha256": digest(json.dumps(steps, ensure_ascii=False).encode()).hex(),
                "update": update.id,
            }
        )
    )
