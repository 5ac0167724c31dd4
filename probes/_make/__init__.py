"""Scripts that compose suites from parts: `python -m probes._make.NAME` rewrites the folder of suite NAME."""
