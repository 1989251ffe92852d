"""Pictures of graphs and training: values above the arrows, gradients below."""

from minigrad.viz.form import Form
from minigrad.viz.graph import graph
from minigrad.viz.picture import Picture
from minigrad.viz.recording import record

__all__ = ["Form", "Picture", "graph", "record"]
