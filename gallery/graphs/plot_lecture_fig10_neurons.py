"""
Lecture, figure 10: the network of 3, 4 and 1 neurons
=====================================================

One hidden layer of four neurons, one output.
"""

from minigrad import viz

picture = viz.neurons([3, 4, 1])
