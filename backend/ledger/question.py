"""A way to ask the data whether an invariant holds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One way to break an invariant. `rows` yields (shop_id, member_id, what) for each row that does."""

    invariant: int
    rows: str
