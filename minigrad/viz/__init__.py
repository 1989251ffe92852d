"""Pictures of graphs, networks and trainings."""

from minigrad.viz.summary import ModelStatistics, summary

__all__ = ["ModelStatistics", "summary"]
