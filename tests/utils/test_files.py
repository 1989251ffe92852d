from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from minigrad.utils.files import whole_or_nothing


def test_content_appears_at_the_end_of_the_block(tmp_path: Path) -> None:
    target = tmp_path / "weights.npz"
    target.write_bytes(b"old")
    with whole_or_nothing(target) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["weights.npz"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_what_was_there(tmp_path: Path, kind: type[BaseException]) -> None:
    target = tmp_path / "weights.npz"
    target.write_bytes(b"old")
    with pytest.raises(kind), whole_or_nothing(target) as file:
        file.write(b"half")
        raise kind
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["weights.npz"]


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with whole_or_nothing(target) as first, whole_or_nothing(target) as second:
        first.write(b"first")
        second.write(b"second")
    assert target.read_bytes() == b"first"  # the outer block ends last
    assert os.listdir(tmp_path) == ["a"]


def test_permissions_are_the_users_own(tmp_path: Path) -> None:
    with whole_or_nothing(tmp_path / "written") as file:
        file.write(b"x")
    (tmp_path / "plain").write_bytes(b"x")
    written, plain = ((tmp_path / name).stat() for name in ("written", "plain"))
    assert stat.S_IMODE(written.st_mode) == stat.S_IMODE(plain.st_mode)
