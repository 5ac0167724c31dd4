"""One cycle, and the schedule."""

from harness.monitor.calibration import resumable
from harness.monitor.cycle import Access, Summary, next_seed, run_cycle
from harness.monitor.keeping import Progress
from harness.monitor.regrade import Regraded, regrade
from harness.monitor.schedule import Standing, cron_mistake, standing
from harness.monitor.watch import Watch

__all__ = [
    "Access",
    "Progress",
    "Regraded",
    "Standing",
    "Summary",
    "Watch",
    "cron_mistake",
    "next_seed",
    "regrade",
    "resumable",
    "run_cycle",
    "standing",
]
