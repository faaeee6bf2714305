"""Why: meteorology, trajectories, hot spots."""
