"""harness: watches how AI models behave over time, and keeps the evidence."""

__version__ = "0.1.0"
