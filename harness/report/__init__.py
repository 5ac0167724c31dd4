"""Evidence -> a page people can read, the same in Markdown, and the pictures as files."""

from harness.report.writing import ReportPaths, write_report

__all__ = ["ReportPaths", "write_report"]
