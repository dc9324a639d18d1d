"""The smallest points service on django-hordak: credit, debit, read. It runs in an environment of its own.

Written to be quick: no middleware, no forms, connections kept, the cheapest of hordak's own calls. `python service.py <n>`
migrates and prints the ids of n new accounts as JSON.
"""

import json
import os
import sys
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path

_DATABASE = urlsplit(os.environ["DATABASE_URL"])

settings.configure(
    SECRET_KEY=os.environ["SECRET"],
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[],
    INSTALLED_APPS=["django.contrib.contenttypes", "mptt", "hordak"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _DATABASE.path.lstrip("/"),
            "USER": _DATABASE.username or "",
            "HOST": parse_qs(_DATABASE.query).get("host", [_DATABASE.hostname or ""])[0],
            "CONN_MAX_AGE": None,
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    CURRENCIES=["EUR"],
    DEFAULT_CURRENCY="EUR",
)
django.setup()

from hordak.models import Account, AccountType  # noqa: E402  it needs the settings
from moneyed import Money  # noqa: E402

GIVEN, TAKEN = "points given", "points taken"


def credit(request: HttpRequest, account_id: int) -> JsonResponse:
    account = Account.objects.get(pk=account_id)
    made = account.transfer_to(_other_side(GIVEN), _amount(request))
    return _answer({"transaction": str(made.uuid)})


def debit(request: HttpRequest, account_id: int) -> JsonResponse:
    """Take points, if there are enough: hordak itself does not ask."""
    amount = _amount(request)
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=account_id)
        if account.get_simple_balance()["EUR"] < amount:
            return _answer({"code": "not_enough_points"}, status=409)
        made = _other_side(TAKEN).transfer_to(account, amount)
    return _answer({"transaction": str(made.uuid)})


def read(request: HttpRequest, account_id: int) -> JsonResponse:
    account = Account.objects.get(pk=account_id)
    return _answer({"balance": str(account.get_simple_balance()["EUR"].amount)})


urlpatterns = [
    path("accounts/<int:account_id>", read),
    path("accounts/<int:account_id>/credit", credit),
    path("accounts/<int:account_id>/debit", debit),
]


def create_app() -> Callable[..., object]:
    handler: Callable[..., object] = WSGIHandler()
    return handler


def _answer(document: dict[str, str], status: int = 200) -> JsonResponse:
    """With its length, which otherwise a middleware would add."""
    response = JsonResponse(document, status=status)
    response["Content-Length"] = str(len(response.content))
    return response


def _amount(request: HttpRequest) -> Money:
    return Money(json.loads(request.body)["amount"], "EUR")


_known: dict[str, Account] = {}


def _other_side(name: str) -> Account:
    """The account that points come from or go to: read once, kept in the process."""
    if name not in _known:
        _known[name] = Account.objects.get(name=name)
    return _known[name]


def _make_accounts(count: int, points: int) -> list[int]:
    given = Account.objects.create(name=GIVEN, code="1", type=AccountType.expense, currencies=["EUR"])
    Account.objects.create(name=TAKEN, code="2", type=AccountType.income, currencies=["EUR"])
    ids = []
    for number in range(count):
        account = Account.objects.create(
            name=f"member {number}", code=str(1000 + number), type=AccountType.liability, currencies=["EUR"]
        )
        account.transfer_to(given, Money(points, "EUR"))
        ids.append(account.pk)
    return ids


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    print(json.dumps(_make_accounts(int(sys.argv[1]), int(sys.argv[2]))))
