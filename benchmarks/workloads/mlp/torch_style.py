from __future__ import annotations

from typing import Any

from benchmarks.answers import flat
from benchmarks.workloads.mlp import MLP
from benchmarks.workloads.mlp.data import CHECKED_STEPS, batches, moved, weights


class Program:
    def __init__(self, workload: MLP, library: Any) -> None:
        self.workload, nn = workload, library.nn
        layers: list[Any] = []
        for matrix, bias in weights(workload):
            linear = nn.Linear(*matrix.shape)
            with library.no_grad():
                linear.weight.copy_(library.tensor(matrix.T.copy()))
                linear.bias.copy_(library.tensor(bias))
            layers += [linear, nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1])
        self.loss_function = nn.CrossEntropyLoss()
        self.optimiser = self.make_optimiser(library.optim)
        self.batches = batches(workload, library.tensor, library.tensor)

    def make_optimiser(self, optim: Any) -> Any:
        return getattr(optim, self.workload.optimiser)(self.model.parameters(), lr=self.workload.lr)

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
        arrays = [p.detach().numpy() for p in parameters]
        path = moved(self.workload, [array.T if array.ndim == 2 else array for array in arrays])
        return flat(losses, path), str(parameters[0].grad.numpy().dtype)


def build(workload: MLP, library: Any) -> Program:
    return Program(workload, library)
