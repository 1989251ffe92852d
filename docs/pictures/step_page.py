"""Makes the pictures of docs/step-page.md and docs/training-pictures.md.

Run from the root of the repository, with Chromium, its driver, selenium and the extra `book`:

    PYTHONPATH=. python docs/pictures/step_page.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import minigrad
from minigrad import nn, optim, viz
from minigrad.training import Settings, Training
from tests.viz.browser import Browser, start
from tests.viz.graphs import apples, batch_norm, softmax_with_loss

HERE = Path(__file__).parent


def network() -> viz.Picture:
    model = nn.Sequential()
    model.features = nn.Sequential(nn.Conv2d(1, 30, 5), nn.ReLU(), nn.MaxPool2d(2))
    model.flatten = nn.Flatten()
    model.classifier = nn.Sequential(nn.Linear(4320, 100), nn.ReLU(), nn.Linear(100, 10))
    return model.graph(minigrad.rand(1, 1, 28, 28), title="SimpleConvNet — 433,890 parameters")


def convolution() -> viz.Page:
    image = [[1, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]]
    return viz.play_convolution(image, [[2, 0, 1], [0, 1, 2], [1, 0, 2]], bias=3)


def max_pool() -> viz.Page:
    return viz.play_max_pool([[1, 2, 1, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 4, 0, 1]])


def bowl(x: minigrad.Tensor, y: minigrad.Tensor) -> minigrad.Tensor:
    return x**2 / 20 + y**2


def paths() -> dict[str, list[list[float]]]:
    """Thirty steps of four optimisers, with the book's learning rates."""
    makers = {
        "SGD": lambda p: optim.SGD(p, lr=0.95),
        "Momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
        "AdaGrad": lambda p: optim.Adagrad(p, lr=1.5),
        "Adam": lambda p: optim.Adam(p, lr=0.3),
    }
    found = {}
    for name, make in makers.items():
        place = minigrad.tensor([-7.0, 2.0], requires_grad=True)
        optimizer = make([place])
        found[name] = []
        for _ in range(31):
            found[name].append(place.tolist())
            optimizer.zero_grad()
            bowl(*place).backward()
            optimizer.step()
    return found


def descent() -> viz.Page:
    return viz.play_descent(bowl, paths(), title=("Four optimisers", "四种优化器"))


# name: page, width, dark, language, step (or what is clicked)
SHOTS = {
    "step-page": (lambda: apples()[0], 900, False, "en", 4),
    "step-page-dark": (lambda: apples()[0], 900, True, "zh", 5),
    "step-page-narrow": (lambda: apples()[0], 360, False, "en", 4),
    "step-page-narrow-dark": (lambda: softmax_with_loss(title="Softmax with loss")[0], 360, True, "zh", 33),
    "step-page-softmax": (lambda: softmax_with_loss(title="Softmax with loss")[0], 1280, False, "en", 32),
    "step-page-batch-norm": (lambda: batch_norm(title="Batch normalisation", values="shapes")[0], 1280, True, "en", 22),
    "folding": (network, 1280, False, "en", "c0"),
    "play-convolution": (convolution, 720, False, "en", 3),
    "play-max-pool": (max_pool, 720, True, "en", 7),
    "play-descent": (descent, 900, False, "en", 31),
}


def shoot(browser: Browser, name: str, folder: Path) -> None:
    make, width, dark, lang, step = SHOTS[name]
    minigrad.manual_seed(0)
    browser.open(make().save(folder / f"{name}.html"), width=width, dark=dark)
    if lang == "zh":
        browser.click("language")
    if isinstance(step, str):
        browser.run(
            "document.querySelector(`.layout:not([hidden]) [data-cluster=${arguments[0]}]`)"
            ".dispatchEvent(new MouseEvent('click'))",
            step,
        )
    else:
        browser.run("for (let i = 0; i < arguments[0]; i++) document.getElementById('next').click()", step)
    browser.run("document.activeElement.blur()")
    browser.driver.find_element("tag name", "main").screenshot(str(HERE / f"{name}.png"))


def training() -> None:
    """The pictures of a training, in one figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.4), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    minigrad.manual_seed(0)
    history = Training(Settings(data="digits", batch_size=20, steps=0, epochs=25)).run(lambda: None, lambda row: None)
    curves = {"train": [row.train_accuracy for row in history], "test": [row.test_accuracy for row in history]}
    viz.plot_curves(curves, ax=axes[0], title="plot_curves 精度", xlabel="epoch", ylim=(0, 1))
    x = minigrad.randn(1000, 100)
    layers = {
        "std = 1": (x @ minigrad.randn(100, 100)).sigmoid(),
        "Xavier": (x @ minigrad.randn(100, 100) / 10).sigmoid(),
    }
    viz.plot_histogram(layers, ax=axes[1], title="plot_histogram 激活值")
    viz.plot_filters(minigrad.randn(30, 1, 5, 5), ax=axes[2], title="plot_filters 滤波器")
    target = minigrad.randint(0, 10, (2000,))
    guess = minigrad.where(minigrad.rand(2000) < 0.85, target, minigrad.randint(0, 10, (2000,)))
    viz.plot_confusion_matrix(target, guess, ax=axes[3], title="plot_confusion_matrix")
    viz.plot_gradients(lambda x, y: x**2 + y**2, ax=axes[4], title="plot_gradients 梯度")
    viz.plot_contour(bowl, paths(), minimum=(0, 0), ax=axes[5], title="plot_contour 优化路径")
    figure.savefig(HERE / "training-pictures.png", dpi=80)


if __name__ == "__main__":
    training()
    with tempfile.TemporaryDirectory() as folder:
        for browser in start(Path(folder) / "profile"):
            for name in SHOTS:
                shoot(browser, name, Path(folder))
