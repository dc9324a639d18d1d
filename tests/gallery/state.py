"""A state of the widget: how it is brought about, without a word of any language, so that every language can be shown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.gallery.world import everything
from tests.widget.conftest import Store

GONE: tuple[Any, Any, dict[str, str]] = ("lost", None, {})
"""An answer that is lost on its way."""
SLOW: tuple[Any, Any, dict[str, str]] = ("late", None, {})
"""An answer that does not come."""

Step = Callable[[Store], None]
"""Changes what the API says, before the page is there, or does something on it."""


@dataclass(frozen=True)
class State:
    """`before` changes the answers; then the page is visited and, if `is_open`, the panel opened at `tab`; `steps` follow."""

    group: str
    name: str
    caption: str
    tab: str | None = None
    before: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    guest: bool = False
    is_open: bool = True
    settles: bool = True
    """Is there an end to the loading?"""
    moves: bool = False
    """Is it looked at by somebody who has not asked for less motion?"""
    data: dict[str, str] = field(default_factory=dict)
    head: str = ""
    look: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        return f"{self.group}-{self.name}".lower().replace(" ", "-")

    def arrange(self, store: Store) -> None:
        everything(store)
        for change in self.before:
            change(store)
        store.page.emulate_media(reduced_motion="no-preference" if self.moves else "reduce")
        data = self.data if self.guest else {"identity": "jwt", **self.data}
        store.visit(head=self.head, look=self.look, **data)
        if not self.is_open:
            return
        store.page.locator("[part=launcher]").click()
        store.page.locator("dialog:modal").wait_for()
        if self.settles:
            settle(store)
        if self.tab:
            store.page.locator(f"#tab-{self.tab}").click()
            settle(store)
        for step in self.steps:
            step(store)
        if self.settles:
            settle(store)


def settle(store: Store) -> None:
    """Until what was asked for is there."""
    store.page.locator("dialog:not([aria-busy=true])").wait_for()
    store.page.wait_for_function(
        """() => !document.querySelector("lagniappe-widget").shadowRoot.querySelector(
            "#head .skeleton, [role=tabpanel]:not([hidden]) > .skeleton, .step[aria-busy=true]")"""
    )


def bottom(store: Store) -> None:
    store.page.locator("dialog .scroll").evaluate("(part) => part.scrollTo(0, part.scrollHeight)")


def click(selector: str) -> Step:
    """The first such thing that can be seen."""

    def step(store: Store) -> None:
        store.page.locator(f"dialog {selector}").locator("visible=true").first.click()
        store.page.evaluate("new Promise((done) => setTimeout(done, 80))")  # a turn of what the click set going

    return step


def see(selector: str) -> Step:
    """Until such a thing can be seen: what the click set going has code to load, and ends with this."""

    def step(store: Store) -> None:
        store.page.locator(f"dialog {selector}").locator("visible=true").first.wait_for()

    return step


def say(name: str, value: Any) -> Step:
    """The API's answer to `name`."""

    def step(store: Store) -> None:
        store.answers[name] = value

    return step


def member(**values: Any) -> Step:
    """Parts of the dashboard."""

    def step(store: Store) -> None:
        store.answers["session"]["me"].update(values)

    return step


def balance(**values: Any) -> Step:
    def step(store: Store) -> None:
        store.answers["session"]["me"]["balance"].update(values)

    return step


def program(**values: Any) -> Step:
    def step(store: Store) -> None:
        store.answers["program"].update(values)

    return step


def accent(color: str) -> Step:
    def step(store: Store) -> None:
        store.answers["program"]["appearance"]["accent"] = color

    return step


def unique(states: list[State]) -> Iterator[State]:
    """The states, no two of them with one id."""
    seen: set[str] = set()
    for state in states:
        assert state.id not in seen, state.id
        seen.add(state.id)
        yield state
