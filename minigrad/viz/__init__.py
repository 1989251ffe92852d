"""Pictures of graphs, networks and trainings: values above the arrows, gradients below."""

from minigrad.viz.form import Form
from minigrad.viz.graph import graph
from minigrad.viz.neurons import neurons
from minigrad.viz.picture import Picture
from minigrad.viz.plays import Page, play_convolution, play_descent, play_max_pool
from minigrad.viz.recording import record
from minigrad.viz.summary import ModelStatistics, summary
from minigrad.viz.training_pictures import (
    plot_confusion_matrix,
    plot_contour,
    plot_curves,
    plot_filters,
    plot_gradients,
    plot_histogram,
)

__all__ = [
    "Form",
    "ModelStatistics",
    "Page",
    "Picture",
    "graph",
    "neurons",
    "play_convolution",
    "play_descent",
    "play_max_pool",
    "plot_confusion_matrix",
    "plot_contour",
    "plot_curves",
    "plot_filters",
    "plot_gradients",
    "plot_histogram",
    "record",
    "summary",
]
