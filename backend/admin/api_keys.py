"""Keys of the merchant API. A key can give points without a person, so whoever makes one must be able to give any right."""

from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field, StringConstraints

from backend.admin.door import Visit, form, page
from backend.loyalty.shops import shops
from backend.loyalty.shops.shops import Scope
from backend.staff import team_log
from backend.staff.rights import Right


class NewKey(BaseModel):
    label: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    scopes: Annotated[list[Scope], Field(min_length=1)]


@page("/api-keys", right=Right.STAFF)
def api_keys(visit: Visit) -> str:
    return visit.render(
        "api_keys.html", keys=shops.api_keys(visit.session, visit.shop_id), scopes=tuple(shops.SCOPES.items())
    )


@form("/api-keys", right=Right.STAFF, again=api_keys)
def make_api_key(visit: Visit) -> str:
    given = visit.checked(NewKey)
    scopes = tuple(dict.fromkeys(given.scopes))
    key = shops.new_api_key(visit.session, visit.shop_id, visit.now, label=given.label, scopes=scopes)
    team_log.note(visit.session, visit.shop_id, visit.now, visit.who.name, "api_key_made", given.label)
    return visit.render("api_key.html", key=key, label=given.label)


@form("/api-keys/<row_id:key_id>/revoke", right=Right.STAFF, again=api_keys)
def revoke_api_key(visit: Visit, key_id: int) -> Response:
    label = shops.revoke_api_key(visit.session, visit.shop_id, key_id, visit.now)
    team_log.note(visit.session, visit.shop_id, visit.now, visit.who.name, "api_key_revoked", label)
    return visit.done(f"The key “{label}” works no more.", "api_keys")
