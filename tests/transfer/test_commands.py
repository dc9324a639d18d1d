"""`lagniappe shop export` and `lagniappe shop import`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from backend.cli import main
from tests.transfer.conftest import Imports


def test_a_shop_goes_out_and_comes_back_once(
    bring: Imports, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    bring.run("members", "id,email\n1,ada@mail.example\n")
    bring.run("balances", "id,points\n1,70\n")
    file, domain = str(tmp_path / "shop.zip"), f"shop-{bring.shop.id}.example"
    went = CliRunner().invoke(main, ["shop", "export", "--shop", str(bring.shop.id), file])
    assert went.exit_code == 0, went.output
    came = CliRunner().invoke(main, ["shop", "import", "--domain", domain, file])
    assert came.exit_code == 0, came.output
    made = json.loads(came.stdout)
    assert made["rows"]["member"] == 1
    assert made["api_key"].startswith(f"lgn_{made['shop_id']}_")
    proved = CliRunner().invoke(main, ["ledger", "check", "--shop", made["shop_id"]])
    assert proved.exit_code == 0, proved.output
    again = CliRunner().invoke(main, ["shop", "import", "--domain", domain, file])
    assert again.exit_code == 1
    assert "was brought in before" in again.output
    into_it = CliRunner().invoke(main, ["shop", "import", "--shop", made["shop_id"], file])
    assert into_it.exit_code == 1
    assert "only be brought into a new one" in into_it.output
