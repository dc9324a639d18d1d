"""Bringing files in, and what became of their rows."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from backend import clock
from backend.db import transaction
from backend.jobs import upkeep
from backend.transfer import imports
from backend.transfer.imports import Transfer
from tests.conftest import TestShop


@dataclass
class Imports:
    """Imports of one shop, and the worker that goes on with them."""

    shop: TestShop
    last: int = field(default=0)

    def upload(self, kind: str, content: str | bytes, **options: Any) -> int:
        raw = content.encode() if isinstance(content, str) else content
        with transaction() as session:
            self.last = imports.keep(session, self.shop.id, kind, "file.csv", iter([raw]), "Ada", clock.wall())
            if options:
                imports.set_options(session, self.shop.id, self.last, options)
        return self.last

    def start(self, *, trial: bool = False) -> None:
        with transaction() as session:
            imports.begin(session, self.shop.id, self.last, clock.wall(), trial=trial)

    def batch(self) -> int:
        with transaction() as session:
            return imports.step(session, clock.now(), clock.wall())

    def run(self, kind: str, content: str | bytes, **options: Any) -> list[tuple[int, str, str]]:
        """Upload, import, and (line, result, note) of each row."""
        self.upload(kind, content, **options)
        self.start()
        upkeep.import_rows()
        return self.report()

    def report(self) -> list[tuple[int, str, str]]:
        pieces = b"".join(imports.report(self.shop.id, self.now))
        rows = list(csv.DictReader(io.StringIO(pieces.decode("utf-8-sig"))))
        return [(int(row["line"]), row["result"], row["note"]) for row in rows]

    @property
    def now(self) -> Transfer:
        with transaction() as session:
            return imports.find(session, self.shop.id, self.last)

    def member(self, external_id: str) -> Any:
        with transaction() as session:
            return (
                session.execute(
                    text(
                        "select m.*, a.available from member m join account a on a.shop_id = m.shop_id and a.member_id = m.id"
                        " where m.shop_id = :shop and external_id = :id"
                    ),
                    {"shop": self.shop.id, "id": external_id},
                )
                .mappings()
                .one_or_none()
            )


@pytest.fixture
def bring(app: Flask, shop: TestShop) -> Imports:
    return Imports(shop)


@pytest.fixture
def ledger_is_right(app: Flask, shop: TestShop) -> Callable[[], None]:
    from backend.ledger import check

    def proved() -> None:
        with transaction() as session:
            report = check.check(session, clock.now(), clock.wall(), shop.id)
        assert report.violations == [] or not report.violations, report.violations

    return proved
