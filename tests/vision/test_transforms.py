from __future__ import annotations

import math
import pickle
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad
from minigrad.errors import MissingExtra
from minigrad.utils.data import DataLoader, TensorDataset
from minigrad.vision import transforms as T
from minigrad.vision.transforms import InterpolationMode as Mode
from minigrad.vision.transforms import functional as F

random = np.random.default_rng(0)
COLOUR = random.integers(0, 256, (13, 17, 3)).astype(np.uint8)
GRAY = random.integers(0, 256, (12, 9)).astype(np.uint8)
SMOOTH = np.rint(
    127 + 120 * np.sin(np.arange(31)[:, None, None] / 5 + np.arange(3)) * np.cos(np.arange(40)[:, None] / 7)
).astype(np.uint8)


@pytest.fixture(scope="session")
def pil() -> Any:
    return pytest.importorskip("PIL.Image", reason="Pillow is not installed: nothing to compare with")


def as_tensor(img: Any) -> Any:
    return minigrad.tensor(np.ascontiguousarray(np.moveaxis(img, -1, 0)) if img.ndim == 3 else img[None])


def as_array(img: Any) -> Any:
    """(H, W) or (H, W, C) of any kind of image."""
    if isinstance(img, minigrad.Tensor):
        planes = img.detach().numpy()
        return planes[0] if planes.shape[0] == 1 else np.moveaxis(planes, 0, -1)
    return np.asarray(img)


FIXED = {
    "resize": lambda i: F.resize(i, (7, 9)),
    "resize up": lambda i: F.resize(i, 20, Mode.BICUBIC),
    "nearest": lambda i: F.resize(i, (5, 23), Mode.NEAREST_EXACT),
    "pad": lambda i: F.pad(i, [1, 2, 3, 4], 7),
    "pad reflect": lambda i: F.pad(i, 3, padding_mode="reflect"),
    "pad symmetric": lambda i: F.pad(i, [2, 5], padding_mode="symmetric"),
    "pad edge": lambda i: F.pad(i, 2, padding_mode="edge"),
    "cut": lambda i: F.pad(i, [-1, 2, -3, 0]),
    "crop": lambda i: F.crop(i, 2, 3, 5, 4),
    "crop outside": lambda i: F.crop(i, -2, 5, 6, 30),
    "center_crop": lambda i: F.center_crop(i, (20, 5)),
    "hflip": F.hflip,
    "vflip": F.vflip,
    "rotate": lambda i: F.rotate(i, 33, Mode.BILINEAR, fill=9),
    "rotate expand": lambda i: F.rotate(i, -70, expand=True),
    "affine": lambda i: F.affine(i, 10, [1, -2], 1.2, [5, 3], Mode.BILINEAR),
    "brightness": lambda i: F.adjust_brightness(i, 1.3),
    "contrast": lambda i: F.adjust_contrast(i, 0.4),
    "saturation": lambda i: F.adjust_saturation(i, 1.7),
    "hue": lambda i: F.adjust_hue(i, 0.2),
}


@pytest.mark.parametrize("image", [COLOUR, GRAY], ids=["colour", "gray"])
@pytest.mark.parametrize("name", FIXED)
def test_the_same_on_arrays_tensors_and_pillow(name: str, image: Any, pil: Any) -> None:
    before = image.copy()
    expected = FIXED[name](image)
    assert expected.dtype == np.uint8 and expected.ndim == image.ndim
    tensor, pillow = FIXED[name](as_tensor(image)), FIXED[name](pil.fromarray(image))
    assert isinstance(tensor, minigrad.Tensor) and tensor.dtype == minigrad.uint8 and tensor.is_contiguous()
    assert isinstance(pillow, pil.Image) and pillow.mode == ("RGB" if image.ndim == 3 else "L")
    np.testing.assert_array_equal(as_array(tensor), expected)
    np.testing.assert_array_equal(as_array(pillow), expected)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", FIXED)
def test_floats_give_what_integers_give(name: str) -> None:
    fill = name in ("pad", "rotate")
    for dtype in (np.float16, np.float32, np.float64):
        image = COLOUR.astype(dtype) / dtype(1 if fill else 255)
        found = FIXED[name](image) if not name.startswith("pad ") else FIXED[name](image)
        assert found.dtype == dtype
        scale = 1 if fill else 255
        difference = np.abs(np.float64(found) * scale - FIXED[name](COLOUR))
        # An overshoot of the cubic beyond white is cut off in integers only.
        assert np.median(difference) < 1.5 if name == "resize up" else difference.max() < 1.5, name


@pytest.mark.parametrize("name", FIXED)
def test_batches_are_transformed_image_by_image(name: str) -> None:
    batch = minigrad.stack([as_tensor(COLOUR), as_tensor(COLOUR[::-1].copy())])
    found = FIXED[name](batch)
    for one, image in zip(found, batch, strict=True):
        np.testing.assert_array_equal(one.numpy(), FIXED[name](image).numpy())


@pytest.mark.parametrize("name", FIXED)
def test_gradients_flow(name: str) -> None:
    """The directional derivative along one random direction, by central differences."""
    x = minigrad.tensor(random.random((3, 6, 8)) * 0.6 + 0.2, dtype=minigrad.float64, requires_grad=True)
    weight = minigrad.tensor(random.standard_normal(FIXED[name](x).shape))
    (FIXED[name](x) * weight).sum().backward()
    assert x.grad is not None
    step = minigrad.tensor(random.standard_normal(x.shape)) * 1e-6
    with minigrad.no_grad():
        numerical = ((FIXED[name](x + step) - FIXED[name](x - step)) * weight).sum() / 2
        found = (x.grad * step).sum()
    assert float(found) == pytest.approx(float(numerical), rel=1e-4, abs=1e-10)


# ------------------------------------------------------------------------------------------------ Pillow's results

RESAMPLING = {
    Mode.NEAREST: "NEAREST",
    Mode.BILINEAR: "BILINEAR",
    Mode.BICUBIC: "BICUBIC",
    Mode.BOX: "BOX",
    Mode.HAMMING: "HAMMING",
    Mode.LANCZOS: "LANCZOS",
}


@pytest.mark.parametrize("mode", RESAMPLING)
@given(height=st.integers(1, 40), width=st.integers(1, 40), gray=st.booleans())
def test_resize_is_pillows(mode: Mode, height: int, width: int, gray: bool, pil: Any) -> None:
    image = GRAY if gray else COLOUR
    kind = getattr(pil.Resampling, RESAMPLING[mode])
    # In two steps: Pillow rounds between the directions, and newer ones choose which comes first.
    wide = pil.fromarray(image).resize((width, image.shape[0]), kind)
    difference = np.abs(
        np.asarray(wide.resize((width, height), kind)) - F.resize(image, (height, width), mode).astype(int)
    )
    if mode in (Mode.NEAREST, Mode.BOX):  # these jump where a place falls onto a border, and rounding decides
        for side, size in enumerate((height, width)):
            old = image.shape[side]
            reach = max(old / size, 1) / 2 if mode == Mode.BOX else 0.5
            borders = (np.arange(size)[:, None] + 0.5) * old / size + [-reach, reach] + 0.5
            clear = (np.abs(borders - np.rint(borders)) > 1e-9).all(1)
            difference = np.compress(clear, difference, side)
    assert difference.max(initial=0) <= (0 if mode == Mode.NEAREST else 2)


@pytest.mark.parametrize("kind", [0, 2], ids=["nearest", "bilinear"])
@given(angle=st.integers(-180, 180).map(lambda i: 2 * i + 0.7), expand=st.booleans())  # no edge on a pixel's border
def test_rotate_is_pillows(kind: int, angle: float, expand: bool, pil: Any) -> None:
    expected = np.asarray(pil.fromarray(SMOOTH).rotate(angle, kind, expand, fillcolor=(9, 8, 7)))
    found = F.rotate(SMOOTH, angle, kind, expand, fill=(9, 8, 7))
    assert found.shape == expected.shape
    assert np.mean(np.abs(found.astype(int) - expected).max(-1) > 1) < 0.02


@pytest.mark.parametrize("angle", [0, 90, 180, 270, -90, 360])
def test_quarter_turns_are_exact(angle: int) -> None:
    found = F.rotate(COLOUR, angle, expand=True)
    np.testing.assert_array_equal(found, np.rot90(COLOUR, angle // 90))


@pytest.mark.parametrize("kind", [0, 2], ids=["nearest", "bilinear"])
@given(
    angle=st.integers(-180, 180).map(lambda i: i + 0.37),  # no place on a pixel's border
    translate=st.tuples(st.integers(-9, 9), st.integers(-9, 9)),
    scale=st.integers(0, 30).map(lambda i: 0.5 + 0.0473 * i),
    shear=st.tuples(st.floats(-40, 40), st.floats(-40, 40)),
)
def test_affine_is_pillows(kind: int, angle: float, translate: Any, scale: float, shear: Any, pil: Any) -> None:
    """Against the composition of the textbook matrices, inverted by NumPy and applied by Pillow."""
    turn, x, y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    sheared = np.array([[1, 0], [-math.tan(y), 1]]) @ np.array([[1, -math.tan(x)], [0, 1]])
    matrix = np.eye(3)
    matrix[:2, :2] = rotation @ sheared * scale
    centre = np.array([20.0, 15.5])
    to, back = np.eye(3), np.eye(3)
    to[:2, 2], back[:2, 2] = centre + translate, -centre
    inverse = np.linalg.inv(to @ matrix @ back)
    expected = np.asarray(pil.fromarray(SMOOTH).transform((40, 31), pil.Transform.AFFINE, inverse[:2].ravel(), kind))
    found = F.affine(SMOOTH, angle, translate, scale, shear, kind)
    assert np.mean(np.abs(found.astype(int) - expected).max(-1) > 1) < 0.02


@pytest.mark.parametrize("name", ["Brightness", "Contrast", "Color"])
@given(factor=st.floats(0, 3))
def test_colours_are_pillows(name: str, factor: float, pil: Any) -> None:
    enhance = pytest.importorskip("PIL.ImageEnhance")
    ours = {"Brightness": F.adjust_brightness, "Contrast": F.adjust_contrast, "Color": F.adjust_saturation}[name]
    expected = np.asarray(getattr(enhance, name)(pil.fromarray(SMOOTH)).enhance(factor))
    # Grey is rounded in Pillow, and cut off in torchvision; the difference grows with the factor.
    assert np.abs(ours(SMOOTH, factor).astype(int) - expected).max() <= 2 + abs(1 - factor)


@given(st.floats(-0.5, 0.5))
def test_hue_is_that_of_the_standard_library(turn: float) -> None:
    import colorsys

    colours = np.random.default_rng(1).random((1, 30, 3))
    expected = [colorsys.hsv_to_rgb((h + turn) % 1, s, v) for h, s, v in (colorsys.rgb_to_hsv(*c) for c in colours[0])]
    np.testing.assert_allclose(F.adjust_hue(colours, turn)[0], expected, atol=1e-9)


def test_grayscale(pil: Any) -> None:
    found = F.rgb_to_grayscale(COLOUR)
    assert found.shape == (13, 17, 1)
    assert np.abs(found[..., 0].astype(int) - np.asarray(pil.fromarray(COLOUR).convert("L"))).max() <= 1
    three = T.Grayscale(3)(as_tensor(COLOUR))
    assert tuple(three.shape) == (3, 13, 17) and (three.numpy()[0] == found[..., 0]).all()


# ------------------------------------------------------------------------------------------------ PyTorch's results


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@given(height=st.integers(1, 30), width=st.integers(2, 30), antialias=st.booleans())  # torch 2.13 errs at width 1
def test_resize_of_tensors_is_pytorchs(mode: str, height: int, width: int, antialias: bool, torch: Any) -> None:
    x = np.random.default_rng(2).random((2, 3, 12, 17))
    expected = torch.nn.functional.interpolate(
        torch.tensor(x), size=(height, width), mode=mode, antialias=antialias, align_corners=False
    )
    found = F.resize(minigrad.tensor(x), (height, width), Mode(mode), antialias=antialias)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-9)


@given(height=st.integers(1, 30), width=st.integers(1, 30))
def test_nearest_of_tensors_is_pytorchs(height: int, width: int, torch: Any) -> None:
    x = np.random.default_rng(2).random((1, 3, 12, 17))
    for mode in (Mode.NEAREST, Mode.NEAREST_EXACT):
        expected = torch.nn.functional.interpolate(torch.tensor(x), size=(height, width), mode=mode.value)
        np.testing.assert_array_equal(F.resize(minigrad.tensor(x), (height, width), mode).numpy(), expected.numpy())


@given(padding=st.tuples(*[st.integers(-3, 5)] * 4), mode=st.sampled_from(["constant", "replicate", "reflect"]))
def test_padding_is_pytorchs(padding: Any, mode: str, torch: Any) -> None:
    x = np.random.default_rng(2).random((3, 7, 8))
    left, top, right, bottom = padding
    expected = torch.nn.functional.pad(torch.tensor(x), (left, right, top, bottom), mode=mode)
    found = F.pad(minigrad.tensor(x), padding, padding_mode={"replicate": "edge"}.get(mode, mode))
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_normalize(torch: Any) -> None:
    image = T.ToTensor()(COLOUR)
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)
    found = T.Normalize(mean, std)(image)
    expected = torch.tensor(image.numpy()).sub(torch.tensor(mean).view(-1, 1, 1)).div(torch.tensor(std).view(-1, 1, 1))
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
    array = np.moveaxis(image.numpy(), 0, -1)
    np.testing.assert_array_equal(T.Normalize(mean, std)(array), np.moveaxis(found.numpy(), 0, -1))
    again = T.Normalize(mean, std, inplace=True)(image)
    assert again is image and (again.numpy() == found.numpy()).all()


# ------------------------------------------------------------------------------------------------ tensors and Pillow


def test_to_tensor(pil: Any) -> None:
    for image in (COLOUR, pil.fromarray(COLOUR)):
        found = T.ToTensor()(image)
        assert found.dtype == minigrad.float32 and found.is_contiguous()
        np.testing.assert_array_equal(found.numpy(), np.moveaxis(COLOUR, -1, 0).astype(np.float32) / np.float32(255))
    assert tuple(T.ToTensor()(GRAY).shape) == (1, 12, 9)
    assert T.ToTensor()(GRAY.astype(np.int32)).dtype == minigrad.int32
    assert T.ToTensor()(GRAY / 255).tolist() == [(GRAY / 255).tolist()]
    assert T.ToTensor()(pil.fromarray(GRAY > 100)).tolist() == [(GRAY > 100).astype(float).tolist()]
    array = GRAY.astype(np.float32)
    T.ToTensor()(array).zero_()
    assert array.any()  # a copy


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "I", "F", "YCbCr", "HSV"])
def test_pillow_modes_come_back(mode: str, pil: Any) -> None:
    image = pil.fromarray(COLOUR).convert("RGBA" if mode == "LA" else "RGB").convert(mode)
    flipped = F.hflip(image)
    assert (flipped.mode, flipped.size) == (mode, image.size)
    np.testing.assert_array_equal(np.asarray(flipped), np.asarray(image)[:, ::-1])


def test_to_pil_image_and_back(pil: Any) -> None:
    for image, mode in ((COLOUR, "RGB"), (GRAY, "L"), (np.dstack([COLOUR, GRAY_PLANE]), "RGBA")):
        found = T.ToPILImage()(image)
        assert found.mode == mode
        np.testing.assert_array_equal(np.asarray(found), image)
        np.testing.assert_array_equal(np.asarray(T.ToPILImage()(as_tensor(image))), image)
        np.testing.assert_array_equal(np.asarray(T.ToPILImage()(T.ToTensor()(image))), image)
    assert T.ToPILImage("HSV")(COLOUR).mode == "HSV"
    assert T.ToPILImage()(GRAY.astype(np.float32)).mode == "F"


GRAY_PLANE = random.integers(0, 256, (13, 17)).astype(np.uint8)


# ------------------------------------------------------------------------------------------------ random ones


def test_the_draws_are_torchvisions(torch: Any) -> None:
    """torchvision's `get_params`, line by line on PyTorch's generator."""
    for seed in range(20):
        torch.manual_seed(seed)
        minigrad.manual_seed(seed)

        def uniform(low: float, high: float) -> float:
            return float(torch.empty(1).uniform_(low, high).item())

        angle = uniform(-30, 30)
        moves = int(round(uniform(-1.7, 1.7))), int(round(uniform(-2.6, 2.6)))
        scale, shear = uniform(0.5, 2), (uniform(-5, 5), uniform(1, 2))
        found = T.RandomAffine.get_params([-30.0, 30.0], (0.1, 0.2), (0.5, 2), [-5.0, 5.0, 1.0, 2.0], [17, 13])
        assert found == (angle, moves, scale, shear)

        height, width, part = 13, 17, None
        log_ratio = torch.log(torch.tensor((3 / 4, 4 / 3)))
        for _ in range(10):
            area = height * width * uniform(0.08, 1.0)
            aspect = torch.exp(torch.empty(1).uniform_(log_ratio[0], log_ratio[1])).item()
            w, h = int(round(math.sqrt(area * aspect))), int(round(math.sqrt(area / aspect)))
            if 0 < w <= width and 0 < h <= height:
                i = torch.randint(0, height - h + 1, size=(1,)).item()
                part = i, torch.randint(0, width - w + 1, size=(1,)).item(), h, w
                break
        found_part = T.RandomResizedCrop.get_params(COLOUR, (0.08, 1.0), (3 / 4, 4 / 3))
        assert part is None or found_part == part

        order = torch.randperm(4).tolist()
        factors = [uniform(0.5, 1.5), uniform(0.1, 2), uniform(0, 1)]
        found_order, *found_factors = T.ColorJitter.get_params((0.5, 1.5), (0.1, 2), (0, 1), None)
        assert (found_order.tolist(), found_factors) == (order, [*factors, None])

        expected = torch.randint(0, 4, size=(1,)).item(), torch.randint(0, 12, size=(1,)).item(), 10, 6
        assert T.RandomCrop.get_params(COLOUR, (10, 6)) == expected
        assert (torch.rand(1) < 0.5).item() == (T.RandomHorizontalFlip()(GRAY) is not GRAY)


RANDOM = [
    T.RandomAffine(20, (0.1, 0.1), (0.8, 1.2), (-5, 5)),
    T.RandomRotation(20),
    T.RandomCrop(8, padding=3),
    T.RandomResizedCrop((9, 7)),
    T.RandomHorizontalFlip(),
    T.RandomVerticalFlip(),
    T.ColorJitter(0.4, 0.4, 0.4, 0.2),
]


@pytest.mark.parametrize("transform", RANDOM, ids=lambda t: type(t).__name__)
def test_the_seed_decides(transform: Any) -> None:
    def run(seed: int) -> list[bytes]:
        minigrad.manual_seed(seed)
        return [transform(COLOUR).tobytes() for _ in range(10)]

    assert run(1) == run(1) != run(2)
    assert len(set(run(1))) > 1
    assert pickle.loads(pickle.dumps(transform))(COLOUR).dtype == np.uint8


def test_workers_draw_differently() -> None:
    class Images(TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            return T.RandomAffine(180)(super().__getitem__(index)[0])

    images = as_tensor(COLOUR).float().unsqueeze(0).expand(8, 3, 13, 17).contiguous()
    minigrad.manual_seed(0)
    batches = list(DataLoader(Images(images), batch_size=4, num_workers=2))
    assert len({image.numpy().tobytes() for batch in batches for image in batch}) == 8


def test_random_crop_pads_only_if_needed() -> None:
    assert T.RandomCrop((20, 30), pad_if_needed=True, fill=5)(COLOUR).shape == (20, 30, 3)
    with pytest.raises(ValueError, match=r"crop size \(20, 30\) is larger than input image size \(13, 17\)"):
        T.RandomCrop((20, 30))(COLOUR)


def test_a_part_that_no_ratio_fits() -> None:
    assert T.RandomResizedCrop.get_params(np.zeros((4, 100)), (1.0, 1.0), (0.75, 4 / 3)) == (0, 47, 4, 5)
    assert T.RandomResizedCrop.get_params(np.zeros((100, 4)), (1.0, 1.0), (0.75, 4 / 3)) == (47, 0, 5, 4)


# ------------------------------------------------------------------------------------------------ sizes, texts, errors


@pytest.mark.parametrize(
    ("size", "max_size", "expected"),
    [(6, None, (6, 7)), ([6], None, (6, 7)), (26, None, (26, 34)), ((5, 4), None, (5, 4)), (12, 14, (11, 14))],
)
def test_output_sizes(size: Any, max_size: Any, expected: Any) -> None:
    assert T.Resize(size, max_size=max_size)(COLOUR).shape[:2] == expected
    turned = COLOUR.swapaxes(0, 1)
    assert T.Resize(size, max_size=max_size)(turned).shape[:2] == (expected if size == (5, 4) else expected[::-1])


def test_texts() -> None:
    assert repr(T.Compose([T.ToTensor(), T.Normalize((0.5,), (0.5,)), T.CenterCrop(3)])) == (
        "Compose(\n    ToTensor()\n    Normalize(mean=(0.5,), std=(0.5,))\n    CenterCrop(size=(3, 3))\n)"
    )
    assert repr(T.Resize(3)) == "Resize(size=3, interpolation=bilinear, max_size=None, antialias=True)"
    assert repr(RANDOM[1]) == "RandomRotation(degrees=[-20.0, 20.0], interpolation=nearest, expand=False, fill=0)"
    assert repr(T.ColorJitter(0.5)) == "ColorJitter(brightness=(0.5, 1.5), contrast=None, saturation=None, hue=None)"
    assert [repr(t) for t in (T.Lambda(abs), T.ToPILImage(), T.Grayscale(), T.Pad(2))] == [
        "Lambda()",
        "ToPILImage()",
        "Grayscale(num_output_channels=1)",
        "Pad(padding=2, fill=0, padding_mode=constant)",
    ]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: F.resize("x", 3), TypeError),
        (lambda: F.hflip(np.zeros(3)), TypeError),
        (lambda: F.hflip(minigrad.zeros(3)), TypeError),
        (lambda: F.resize(GRAY, "ab"), Exception),
        (lambda: F.resize(GRAY, (1, 2, 3)), ValueError),
        (lambda: F.resize(GRAY, 0), ValueError),
        (lambda: F.resize(GRAY, 5, max_size=5), ValueError),
        (lambda: F.resize(GRAY, (5, 5), max_size=9), ValueError),
        (lambda: F.resize(GRAY, 5, "bilinear"), TypeError),
        (lambda: F.pad(GRAY, (1, 2, 3)), ValueError),
        (lambda: F.pad(GRAY, "a"), TypeError),
        (lambda: F.pad(GRAY, 1, padding_mode="wrap"), ValueError),
        (lambda: F.pad(COLOUR, 1, fill=(1, 2)), ValueError),
        (lambda: F.pad(GRAY, -6), ValueError),
        (lambda: F.affine(GRAY, "x", [0, 0], 1, 0), TypeError),
        (lambda: F.affine(GRAY, 0, [0, 0], 0, 0), ValueError),
        (lambda: F.affine(GRAY, 0, [0], 1, 0), ValueError),
        (lambda: F.affine(GRAY, 0, [0, 0], 1, [1, 2, 3]), ValueError),
        (lambda: F.rotate(GRAY, 3, Mode.BICUBIC), ValueError),
        (lambda: F.adjust_brightness(GRAY, -1), ValueError),
        (lambda: F.adjust_hue(COLOUR, 0.6), ValueError),
        (lambda: F.adjust_contrast(np.zeros((3, 3, 2)), 1), TypeError),
        (lambda: F.rgb_to_grayscale(COLOUR, 2), ValueError),
        (lambda: F.normalize(as_tensor(COLOUR), (0,), (1,)), TypeError),
        (lambda: F.normalize(T.ToTensor()(COLOUR), (0,), (0,)), ValueError),
        (lambda: F.normalize(minigrad.zeros(3, 3), (0,), (1,)), ValueError),
        (lambda: F.to_tensor([1]), TypeError),
        (lambda: F.to_tensor(np.zeros(3)), ValueError),
        (lambda: T.Lambda(3), TypeError),
        (lambda: T.ColorJitter(-1), ValueError),
        (lambda: T.ColorJitter(hue=0.7), ValueError),
        (lambda: T.ColorJitter("x"), TypeError),
        (lambda: T.RandomRotation(-1), ValueError),
        (lambda: T.RandomRotation((1, 2, 3)), ValueError),
        (lambda: T.RandomAffine(1, translate=(2, 0)), ValueError),
        (lambda: T.RandomAffine(1, scale=(0, 1)), ValueError),
        (lambda: T.CenterCrop((1, 2, 3)), ValueError),
        (lambda: T.Pad(1, padding_mode="wrap"), ValueError),
    ],
)
def test_errors(call: Any, error: Any) -> None:
    with pytest.raises(error):
        call()


def test_pillow_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"minigrad\[vision\]"):
        T.ToPILImage()(GRAY)


def test_palettes_are_refused(pil: Any) -> None:
    with pytest.raises(TypeError, match=r"mode P are not supported.*convert"):
        F.hflip(pil.fromarray(COLOUR).convert("P"))
