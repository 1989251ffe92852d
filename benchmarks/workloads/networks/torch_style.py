from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.answers import flat
from benchmarks.workloads.networks import BatchNorm, Conv, Flatten, Linear, Mean, Network, Pool, ReLU, Residual
from benchmarks.workloads.networks.data import CHECKED_STEPS, batches, filled, moved


class Program:
    def __init__(self, workload: Network, library: Any) -> None:
        self.workload, self.library = workload, library
        layers = filled(workload)
        self.model = self.prepare(self.sequence(layers))
        self.optimiser = self.make_optimiser(library.optim)
        self.loss_function = library.nn.CrossEntropyLoss()
        self.batches = batches(workload, lambda x: self.prepare(library.tensor(x)), library.tensor)

    def sequence(self, layers: list[tuple[Any, Any]]) -> Any:
        return self.library.nn.Sequential(*(self.module(layer, content) for layer, content in layers))

    def module(self, layer: Any, content: Any) -> Any:
        nn = self.library.nn
        if isinstance(layer, Residual):
            return self.residual(*map(self.sequence, content))
        if isinstance(layer, Conv):
            channels = content[0].shape[1]
            made = nn.Conv2d(channels, layer.filters, layer.kernel, layer.stride, layer.pad, bias=layer.bias)
        elif isinstance(layer, Linear):
            made = nn.Linear(*content[0].shape, bias=layer.bias)
            content = (content[0].T.copy(), *content[1:])
        elif isinstance(layer, BatchNorm):
            made = (nn.BatchNorm1d if len(self.workload.image) == 1 else nn.BatchNorm2d)(len(content[0]))
        else:
            return {ReLU: nn.ReLU, Flatten: nn.Flatten, Pool: lambda: nn.MaxPool2d(2), Mean: self.mean}[type(layer)]()
        with self.library.no_grad():
            for parameter, array in zip(made.parameters(), content, strict=True):
                parameter.copy_(self.library.tensor(array))
        return made

    def residual(self, main: Any, around: Any) -> Any:
        class Residual(self.library.nn.Module):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.main, self.around = main, around

            def forward(self, x: Any) -> Any:
                return self.main(x) + self.around(x)

        return Residual()

    def mean(self) -> Any:
        nn = self.library.nn
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def prepare(self, thing: Any) -> Any:
        """What is done to the model and to every batch of images beforehand."""
        return thing

    def make_optimiser(self, optim: Any) -> Any:
        return optim.Adam(self.model.parameters(), lr=self.workload.lr)

    def step(self) -> None:
        x, t = next(self.batches)
        self.optimiser.zero_grad()
        self.loss = self.loss_function(self.model(x), t)
        self.loss.backward()
        self.optimiser.step()

    def answer(self) -> tuple[list[list[float]], str]:
        losses = []
        for _ in range(CHECKED_STEPS):
            self.step()
            losses.append(self.loss.item())
        parameters = list(self.model.parameters())
        now = [np.ascontiguousarray(p.detach().numpy()) for p in parameters]
        path = moved(self.workload, [array.T if array.ndim == 2 else array for array in now])
        return flat(losses, path), str(parameters[0].grad.numpy().dtype)


def build(workload: Network, library: Any) -> Program:
    return Program(workload, library)
