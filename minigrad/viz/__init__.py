"""Pictures of graphs, networks and trainings."""

from minigrad.viz.pictures import (
    plot_confusion_matrix,
    plot_contour,
    plot_curves,
    plot_filters,
    plot_gradients,
    plot_histogram,
)
from minigrad.viz.summary import ModelStatistics, summary

__all__ = [
    "ModelStatistics",
    "plot_confusion_matrix",
    "plot_contour",
    "plot_curves",
    "plot_filters",
    "plot_gradients",
    "plot_histogram",
    "summary",
]
