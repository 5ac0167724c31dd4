"""A real model without a key: fetch its weights, check them, serve them on loopback for the length of a run.

`serve` is the child process and is not imported here: it runs by path, in an interpreter of its own.
"""

from harness.local.installing import Installed, Status, install, status
from harness.local.known import KNOWN, KnownModel
from harness.local.launch import Servers, launched, problems

__all__ = [
    "KNOWN",
    "Installed",
    "KnownModel",
    "Servers",
    "Status",
    "install",
    "launched",
    "problems",
    "status",
]
