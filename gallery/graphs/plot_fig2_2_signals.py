"""
Figures 2.2 to 2.4: signals through three layers
================================================

The weights of the book's section 3.4: (1, 0.5) becomes (0.3168, 0.6963). The neuron 1 carries the biases.
"""

import minigrad
from minigrad import nn, viz

model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 2))
weights = {
    "0.weight": [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]],
    "0.bias": [0.1, 0.2, 0.3],
    "2.weight": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]],
    "2.bias": [0.1, 0.2],
    "4.weight": [[0.1, 0.2], [0.3, 0.4]],
    "4.bias": [0.1, 0.2],
}
model.load_state_dict({name: minigrad.tensor(values) for name, values in weights.items()})

picture = viz.neurons(model, minigrad.tensor([1.0, 0.5]), bias=True)
