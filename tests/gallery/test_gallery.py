"""Pictures of every state, for people to look at: `make gallery`. Among all tests a few of them show that it can be done."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gallery import blocks, mails
from tests.gallery.pictures import Picture, take, take_page, write_index
from tests.gallery.state import State
from tests.gallery.states import STATES
from tests.widget.conftest import Store

IS_WANTED = "LAGNIAPPE_GALLERY" in os.environ
"""The whole of it takes minutes."""
SAMPLE = ("visitor-earn", "redeem-done", "celebration-points", "texts-arabic")
SHOWN = re.compile(r"^(?!(es|fr|it|nl|pl|pt-BR|zh-Hant)/)")
"""Of what there is in every language, English, a long one, one from right to left and one without an alphabet."""

_taken: list[Picture] = []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the pictures go; at the end, with the page that shows them."""
    path = Path(__file__).parents[2] / "gallery" if IS_WANTED else tmp_path_factory.mktemp("gallery")
    path.mkdir(exist_ok=True)
    for old in path.glob("*.png"):
        old.unlink()
    yield path
    index = write_index(path, _taken)
    assert index.read_text(encoding="utf-8").count("<img") == len(_taken)
    if IS_WANTED:
        print(f"\n{len(_taken)} pictures: file://{index}")


@pytest.mark.parametrize("state", [one for one in STATES if IS_WANTED or one.id in SAMPLE], ids=lambda state: state.id)
def test_every_state_has_its_pictures(store: Store, folder: Path, state: State) -> None:
    state.arrange(store)
    taken = [
        *take(store.page, folder, group=state.group, name=state.id, caption=state.caption, moves=state.moves),
    ]
    assert len(taken) >= 6
    assert all((folder / one.path).stat().st_size > 1_000 for one in taken)
    _taken.extend(taken)


def test_the_blocks_have_their_pictures(store: Store, folder: Path) -> None:
    blocks.arrange(store)
    pages = blocks.pages()
    for name, main in pages if IS_WANTED else pages[:1]:
        store.visit(main=main, identity="jwt")
        blocks.settle(store)
        _taken.extend(take_page(store.page, folder, group="Blocks", name=name))


def test_the_mails_have_their_pictures(store: Store, folder: Path) -> None:
    pages = [one for one in mails.pages() if SHOWN.match(one[0])]
    for name, html in pages if IS_WANTED else pages[:1]:
        store.page.set_content(html, wait_until="load")
        _taken.extend(take_page(store.page, folder, group="Mails", name=name))


def test_the_samples_are_states() -> None:
    assert {one.id for one in STATES} >= set(SAMPLE)
