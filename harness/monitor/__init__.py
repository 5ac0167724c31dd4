"""One cycle, and the schedule."""

from harness.monitor.beginning import Access, next_seed
from harness.monitor.calibration import resumable
from harness.monitor.claims import Claims, open_claims, planned_ledger, take_in
from harness.monitor.cycle import Summary, run_cycle
from harness.monitor.judges import JudgeTotal, check_judges, judge_totals
from harness.monitor.judging import Judged, judge_run
from harness.monitor.keeping import Progress
from harness.monitor.overview import Overview, claims_of, overview, replay_streams
from harness.monitor.regrade import Regraded, regrade
from harness.monitor.schedule import Standing, cron_mistake, standing
from harness.monitor.watch import Watch

__all__ = [
    "Access",
    "Claims",
    "JudgeTotal",
    "Judged",
    "Overview",
    "Progress",
    "Regraded",
    "Standing",
    "Summary",
    "Watch",
    "check_judges",
    "claims_of",
    "cron_mistake",
    "judge_run",
    "judge_totals",
    "next_seed",
    "open_claims",
    "overview",
    "planned_ledger",
    "regrade",
    "replay_streams",
    "resumable",
    "run_cycle",
    "standing",
    "take_in",
]
