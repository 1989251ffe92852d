"""What the step page says about each step of a graph, in English and Chinese.

A step of the backward pass says its rule in words, then the numbers: "upstream 1.1 times the swapped inputs:
2.2 = 1.1 × 2, 110 = 1.1 × 100".
"""

from __future__ import annotations

from minigrad.viz.form import Edge, Event, Form, Node, Quantity
from minigrad.viz.player import Step

# {g} is the upstream gradient. The engine's own rules stand in the operations' classes; these are their names in words.
SHAPE = ("gives {g} its old shape back", "把 {g} 恢复为原来的形状")
RULES = {
    "Add": ("passes the upstream gradient {g} on unchanged", "把上游梯度 {g} 原样传下去"),
    "Sub": (
        "passes the upstream gradient {g} to the first input, its negative to the second",
        "上游梯度 {g} 原样传给第一个输入，变号后传给第二个输入",
    ),
    "Mul": ("upstream {g} times the swapped inputs", "上游 {g} 乘以翻转后的输入"),
    "Div": (
        "upstream {g} divided by the denominator; for the denominator, times −x / y²",
        "上游 {g} 除以分母；对分母则乘以 −x / y²",
    ),
    "Neg": ("upstream {g} with its sign turned", "上游 {g} 变号"),
    "Pow": ("upstream {g} times n · xⁿ⁻¹", "上游 {g} 乘以 n · xⁿ⁻¹"),
    "Abs": ("upstream {g} times the sign of the input", "上游 {g} 乘以输入的符号"),
    "Exp": ("upstream {g} times the output exp(x)", "上游 {g} 乘以输出 exp(x)"),
    "Log": ("upstream {g} divided by the input", "上游 {g} 除以输入"),
    "Sqrt": ("upstream {g} divided by twice the output", "上游 {g} 除以输出的两倍"),
    "Sin": ("upstream {g} times cos(x)", "上游 {g} 乘以 cos(x)"),
    "Cos": ("upstream {g} times −sin(x)", "上游 {g} 乘以 −sin(x)"),
    "Tanh": ("upstream {g} times 1 − y²", "上游 {g} 乘以 1 − y²"),
    "Sigmoid": ("upstream {g} times y (1 − y)", "上游 {g} 乘以 y (1 − y)"),
    "Relu": ("passes {g} on where the input was positive, 0 elsewhere", "输入为正处原样传递 {g}，其余为 0"),
    "Maximum": ("passes {g} to the larger input", "把 {g} 传给较大的输入"),
    "Minimum": ("passes {g} to the smaller input", "把 {g} 传给较小的输入"),
    "Matmul": ("upstream dY {g} times the other matrix, transposed", "上游 dY {g} 乘以另一个矩阵的转置"),
    "Linear": (
        "dX = dY · W, dW = dYᵀ · X, db = the sum of dY over the batch, with dY {g}",
        "dX = dY · W，dW = dYᵀ · X，db = dY 对批求和，其中 dY {g}",
    ),
    "Sum": ("copies the upstream gradient {g} to everything that was summed", "把上游梯度 {g} 复制给每个被求和的元素"),
    "Mean": ("shares the upstream gradient {g} out evenly", "把上游梯度 {g} 平均分给每个元素"),
    "Amax": ("passes {g} to the winner, 0 to the others", "把 {g} 传给最大者，其余为 0"),
    "Amin": ("passes {g} to the smallest, 0 to the others", "把 {g} 传给最小者，其余为 0"),
    "MaxPool": ("passes {g} to the winner of each window", "把 {g} 传给每个窗口的最大者"),
    "AvgPool": ("shares {g} out evenly over each window", "把 {g} 平均分给每个窗口"),
    "Convolution": (
        "dX is dY {g} spread back by the filters, dW the sum of dY times the windows",
        "dX 是 dY {g} 按滤波器展开，dW 是 dY 与各窗口乘积之和",
    ),
    "BatchNorm": (
        "upstream {g} without its mean and its part along the output, times γ / σ",
        "上游 {g} 减去均值及沿输出的分量，再乘以 γ / σ",
    ),
    "CrossEntropy": ("upstream {g} times (softmax y − label t) / N", "上游 {g} 乘以 (softmax y − 标签 t) / N"),
    "Softmax": ("upstream {g}: y times (g − Σ g · y)", "上游 {g}：y 乘以 (g − Σ g · y)"),
    "Var": ("upstream {g} times 2 (x − mean) / (n − 1)", "上游 {g} 乘以 2 (x − 均值) / (n − 1)"),
    "LogSoftmax": ("upstream {g} minus its sum times the softmax", "上游 {g} 减去其和乘以 softmax"),
    "Clamp": ("passes {g} on within the bounds, 0 elsewhere", "在界限之内原样传递 {g}，其余为 0"),
    "Where": ("passes {g} to the input that was chosen", "把 {g} 传给被选中的输入"),
    "Getitem": ("puts {g} back in its place, 0 elsewhere", "把 {g} 放回原处，其余为 0"),
    "Gather": ("puts {g} back in its place, 0 elsewhere", "把 {g} 放回原处，其余为 0"),
    "Cat": ("cuts {g} into the pieces", "把 {g} 按原来的各段切开"),
    "Stack": ("cuts {g} into the pieces", "把 {g} 按原来的各段切开"),
    "Split": ("puts the gradients of the pieces together", "把各段的梯度拼在一起"),
    "Unbind": ("puts the gradients of the pieces together", "把各段的梯度拼在一起"),
    "Reshape": SHAPE,
    "Squeeze": SHAPE,
    "Unsqueeze": SHAPE,
    "Permute": ("puts the dimensions of {g} back in order", "把 {g} 的维度按原来的次序排回"),
    "Transpose": ("transposes {g} back", "把 {g} 转置回去"),
    "Expand": ("sums {g} over what was repeated", "把 {g} 对重复的部分求和"),
}
SUMMED = (" (summed over the broadcast dimensions)", "（对广播的维度求和）")
RECIPROCAL = ("upstream {g} times −1 / x²", "上游 {g} 乘以 −1 / x²")
ANY = ("upstream {g} times the derivative", "上游 {g} 乘以导数")


def steps(form: Form) -> list[Step]:
    """What a reader sees step by step: one step for each event of the form."""
    return [_Words(form).step(event) for event in form.events]


class _Words:
    def __init__(self, form: Form) -> None:
        self.nodes = {n.id: n for n in form.nodes}
        self.edges = {e.id: e for e in form.edges}
        self.into: dict[str, list[Edge]] = {}
        for e in form.edges:
            self.into.setdefault(e.target, []).append(e)
        self.stems = {e.target: e for e in form.edges if e.role == "stem"}

    def step(self, event: Event) -> Step:
        node = self.nodes[event.node]
        reads, shows = ([self.edges[id] for id in ids] for ids in (event.reads, event.shows))
        if event.phase == "forward":
            text = self._forward(node, reads, shows)
            return Step(text, [f"a_fw_{e.id}" for e in shows], [node.id], "forward")
        if event.kind == "start":
            text = self._start(node, shows)
        elif event.kind == "fork":
            text = self._fork(reads, shows)
        else:
            text = self._backward(node, reads, shows)
        return Step(text, [f"a_bw_{e.id}" for e in shows], [node.id], "backward")

    def _value(self, e: Edge) -> str:
        return _text(self.stems[e.source].value if e.role == "branch" else e.value)

    def _forward(self, node: Node, reads: list[Edge], shows: list[Edge]) -> tuple[str, str]:
        values, symbol = [self._value(e) for e in reads], node.label
        result = _text(node.value) if node.value is not None else ", ".join(_text(e.value) for e in shows)
        if len(values) == 2 and len(symbol) == 1:
            formula = f"{_bracketed(values[0])} {symbol} {_bracketed(values[1])} = {result}"
            if any(v.startswith("(") for v in values):  # shapes
                formula = f"{values[0]} {symbol} {values[1]} → {result}"
        elif any(v.startswith("(") for v in values):
            formula = f"{', '.join(values)} → {result}"
        elif node.operation == "Div" and symbol == "/":
            formula = f"1 / {_bracketed(values[0])} = {result}"
        elif node.operation == "Pow":
            formula = f"{_bracketed(values[0])}{symbol} = {result}"
        else:
            formula = f"{symbol}({', '.join(values)}) = {result}"
        return f"Forward {symbol}: {formula}", f"正向传播 {symbol}：{formula}"

    def _start(self, node: Node, shows: list[Edge]) -> tuple[str, str]:
        g = _text(shows[0].gradient)
        if g.startswith("("):
            return (
                f"Backward starts at {node.label} with a gradient of 1 everywhere, shape {g}",
                f"反向传播从 {node.label} 开始，梯度全为 1，形状 {g}",
            )
        return f"Backward starts at {node.label} with ∂L/∂L = {g}", f"反向传播从 {node.label} 开始，∂L/∂L = {g}"

    def _fork(self, reads: list[Edge], shows: list[Edge]) -> tuple[str, str]:
        parts, total, n = [_text(e.gradient) for e in reads], _text(shows[0].gradient), len(reads)
        sum_text = total + " = " + " + ".join(map(_bracketed, parts))
        if total.startswith("("):
            sum_text = f"{' + '.join(parts)} → {total}"
        if n == 1:
            return f"Only 1 branch has a gradient: {total}", f"只有 1 条分支有梯度：{total}"
        return f"Gradients from {n} branches add: {sum_text}", f"{n} 条分支的梯度相加：{sum_text}"

    def _backward(self, node: Node, reads: list[Edge], shows: list[Edge]) -> tuple[str, str]:
        g = _text(reads[0].gradient) if len(reads) == 1 else ""
        rule = RULES.get(node.operation, ANY)
        if node.operation == "Div" and node.label == "/":
            rule = RECIPROCAL
        texts = []
        for rule_text, summed, comma, colon in zip(rule, SUMMED, (", ", "，"), (": ", "："), strict=True):
            words = rule_text.format(g=g) if g else rule_text.replace(" {g}", "")
            results = [
                _text(e.gradient) + self._how(node, reads, e) + (summed if _broadcast(node, reads, e) else "")
                for e in shows
            ]
            texts.append(f"{node.label}{colon}{words}{colon}{comma.join(results)}")
        return f"Backward {texts[0]}", f"反向传播 {texts[1]}"

    def _how(self, node: Node, reads: list[Edge], e: Edge) -> str:
        """' = 1.1 × 2', where the gradient of one input is said in a few symbols."""
        upstream = reads[0].gradient if len(reads) == 1 else None
        if node.operation in ("Matmul", "Linear"):
            return f" = {e.local}" if e.local else ""
        if upstream is None or upstream.shape or e.gradient is None or e.gradient.shape:
            return ""
        if node.operation in ("Add", "Sub", "Sum"):
            return ""
        if node.operation == "Mul":
            others = [self._value(i) for i in self.into[node.id] if i.id != e.id]
            return f" = {_bracketed(upstream.text)} × {_bracketed(others[0])}" if len(others) == 1 else ""
        return f" = {_signed(e.local)}" if e.local else ""


def _broadcast(node: Node, reads: list[Edge], e: Edge) -> bool:
    """Whether the gradient of an input was summed, since the input was repeated."""
    if node.operation not in ("Add", "Sub", "Mul", "Div", "Pow", "Maximum", "Minimum") or len(reads) != 1:
        return False
    g = reads[0].gradient
    return g is not None and e.gradient is not None and g.shape != e.gradient.shape


def _text(q: Quantity | None) -> str:
    return q.text if q is not None and q.text else "?"


def _bracketed(number: str) -> str:
    """A negative number in brackets, as one writes it behind a sign."""
    return f"({number})" if number.startswith("−") else number


def _signed(formula: str) -> str:
    """'1.1 × (−2)' from '1.1 × −2'."""
    left, sign, right = formula.partition(" × ")
    return f"{left}{sign}{_bracketed(right)}"
