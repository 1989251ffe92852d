"""
Figure 2.1: a neural network
============================

Layers are counted from 0: two inputs, three hidden neurons, two outputs.
"""

from minigrad import viz

picture = viz.neurons([2, 3, 2])
