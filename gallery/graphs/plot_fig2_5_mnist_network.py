"""
Figure 2.5: the network for handwritten digits
==============================================

784 pixels in, ten digits out: of the larger layers a few neurons are drawn.
"""

from minigrad import nn, viz

picture = viz.neurons(
    nn.Sequential(nn.Linear(784, 50), nn.Sigmoid(), nn.Linear(50, 100), nn.Sigmoid(), nn.Linear(100, 10))
)
