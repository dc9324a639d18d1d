"""The guide that sets a program up in five minutes: rate, delay, expiry, first reward, look, update, snippet.

What is set is a draft until the update. Where somebody is follows from what is there, so the guide can be left and gone
on with at any time, by anybody of the team.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any

from flask import current_app
from sqlalchemy import text

from backend.admin import program_editing
from backend.admin.door import Answer, Visit, form, is_rehearsal, page
from backend.admin.program_editing import Place
from backend.errors import BadInput, NotFound
from backend.loyalty.program import drafts
from backend.loyalty.rewards import rewards
from backend.loyalty.shops import shops, sightings
from backend.loyalty.shops.shops import ShopFacts
from backend.platforms.shopify import links
from backend.staff.rights import Right

_STEPS = {
    "rate": "Rate",
    "delay": "Assign day",
    "expiry": "Expiry",
    "reward": "First reward",
    "look": "Look",
    "update": "Update",
    "snippet": "Snippet",
}
"""The steps in their order, by what the sidebar of the guide calls them."""
_ORDER = tuple(_STEPS)
_SETTINGS = {"rate": ("earn",), "delay": ("assign",), "expiry": ("expiry",), "look": ("appearance",)}
"""The steps that set something, and the keys that they edit."""
_REWARD_LABELS = {
    "reward_name": "Name",
    "points_to_be_redeemed": "Cost in points",
    "reward_value": "Money off",
}
_IDENTITY = "THE SIGNED TOKEN OF WHO IS SIGNED IN"
_EMBED = "loyalty_embed"
_BLOCKS = {
    "product_points": ("product", "On product pages: what the product earns"),
    "cart_points": ("cart", "In the cart: what it earns"),
    "balance": ("customers/account", "In the account: the points of who is signed in"),
}
"""What `extensions/shopify/blocks/` holds: the embed, and each block with its template and what it says."""


@dataclass(frozen=True)
class Step:
    """One step as the guide shows it."""

    name: str
    label: str
    is_done: bool


@page("/guide", right=Right.SETTINGS)
def guide(visit: Visit) -> Answer:
    """On with the first step that is not done."""
    steps = steps_of(visit)
    return _show(visit, next((step.name for step in steps if not step.is_done), _ORDER[-1]), steps)


@page("/guide/<step>", right=Right.SETTINGS)
def guide_step(visit: Visit, step: str) -> Answer:
    return _show(visit, _known(step), steps_of(visit))


@form("/guide/<step>", right=Right.SETTINGS, again=guide_step)
def save_guide_step(visit: Visit, step: str) -> Answer:
    match _known(step):
        case "reward":
            return _add_reward(visit)
        case "update":
            return _update(visit)
        case "snippet":
            return visit.go("guide_step", step=step)
    place = _place(step)
    return program_editing.save(visit, place, lambda: guide_step(visit, step))


def _known(step: str) -> str:
    if step not in _STEPS:
        raise NotFound()
    return step


def _after(step: str) -> str:
    return _ORDER[min(_ORDER.index(step) + 1, len(_ORDER) - 1)]


def _place(step: str) -> Place:
    def on(visit: Visit) -> Answer:
        return visit.go("guide_step", step=_after(step))

    return Place(
        _STEPS[step],
        _SETTINGS[step],
        f"guide_{step}.html",
        "guide_step",
        {"step": step},
        ("appearance.launcher_label",) if step == "look" else (),
        guided=step,
        next=on,
    )


# Where somebody is


def steps_of(visit: Visit) -> list[Step]:
    """The steps of the guide and which are done; the first page shows them until all are."""
    known = program_editing.standing(visit)
    is_chosen = not known.is_unchosen
    gone_through = set(known.draft.guided) if known.draft is not None else set()
    done = {
        "reward": _has_reward(visit),
        "update": is_chosen and not gone_through,
        "snippet": sightings.first(visit.session, visit.shop_id) is not None,
    }
    labels = _STEPS | ({"snippet": "Your theme"} if visit.shop.platform == shops.SHOPIFY else {})
    return [Step(name, label, done.get(name, is_chosen or name in gone_through)) for name, label in labels.items()]


def _has_reward(visit: Visit) -> bool:
    return bool(rewards.newest(visit.session, visit.shop_id, before=2**62, limit=1, active=True))


# The steps


def _show(visit: Visit, step: str, steps: list[Step]) -> str:
    shared: dict[str, Any] = {
        "steps": steps,
        "step": step,
        "number": _ORDER.index(step) + 1,
        "previous": _ORDER[_ORDER.index(step) - 1] if step != _ORDER[0] else None,
        "following": _after(step) if step != _ORDER[-1] else None,
    }
    show: dict[str, Callable[..., str]] = {"reward": _reward, "update": _before_update, "snippet": _snippet}
    if step in show:
        return show[step](visit, shared)
    return program_editing.edit(visit, _place(step), **shared)


def _reward(visit: Visit, shared: dict[str, Any]) -> str:
    known = program_editing.standing(visit)
    if visit.refusal is not None:
        errors = [{**each, "label": _REWARD_LABELS.get(each["field"], each["field"])} for each in visit.refusal.errors]
        if errors:
            said = visit.refusal.detail
            if isinstance(visit.refusal, BadInput):
                said = f"Not added. {errors[0]['label']}: {errors[0]['message']}."
            visit = replace(visit, refusal=BadInput(said, errors))
    return program_editing.render(
        visit,
        "guide_reward.html",
        standing=known,
        existing=rewards.newest(visit.session, visit.shop_id, before=2**62, limit=3, active=True),
        example=program_editing.example(visit, known.edited),
        **shared,
    )


def _add_reward(visit: Visit) -> Answer:
    rewards.create(
        visit.session,
        visit.shop,
        {
            "reward_name": visit.form.get("reward_name", "").strip(),
            "reward_type": "coupon_based_reward",
            "reward_sub_type": "fixed_amount_discount",
            "points_to_be_redeemed": visit.form.get("points_to_be_redeemed", "").strip(),
            "reward_value": visit.form.get("reward_value", "").strip(),
            "is_active": True,
            "show_on_guest_dashboard": True,
        },
        visit.now,
        rehearsal=is_rehearsal(),
    )
    return visit.go("guide_step", step=_after("reward"))


def _before_update(visit: Visit, shared: dict[str, Any]) -> str:
    known = program_editing.standing(visit)
    return program_editing.render(
        visit,
        "guide_update.html",
        standing=known,
        seen=drafts.mark(known.edited),
        changed=program_editing.changed(visit, known.in_force, known.edited),
        example=program_editing.example(visit, known.edited),
        **shared,
    )


def _update(visit: Visit) -> Answer:
    version = visit.form.get("version", "")
    number = int(version) if version.isdecimal() and len(version) < 10 else -1
    said = program_editing.update(visit, visit.form.get("seen", ""), number)
    return visit.done(said, "guide_step", step=_after("update"))


def _snippet(visit: Visit, shared: dict[str, Any]) -> str:
    arrived = {
        "seen_at": sightings.first(visit.session, visit.shop_id),
        "delivery_at": visit.session.execute(
            text("select received_at from delivery where shop_id = :shop order by shop_id, id limit 1"),
            {"shop": visit.shop_id},
        ).scalar(),
    }
    if visit.shop.platform == shops.SHOPIFY:
        return program_editing.render(visit, "guide_theme.html", **_theme_editor(visit.shop), **arrived, **shared)
    template = files("widget").joinpath("templates", "install_snippet.html").read_text("utf-8")
    base_url: str = current_app.config["LAGNIAPPE"].base_url
    values = {"base_url": base_url, "widget_key": visit.shop.widget_key}
    snippet = current_app.jinja_env.from_string(template)
    return program_editing.render(
        visit,
        "guide_snippet.html",
        snippet=snippet.render(**values),
        with_identity=snippet.render(**values, identity=_IDENTITY, login_url="/log-in", signup_url="/register"),
        webhook_url=f"{base_url}/webhooks/{visit.shop.platform}/{visit.shop_id}",
        **arrived,
        **shared,
    )


def _theme_editor(shop: ShopFacts) -> dict[str, Any]:
    """Where the widget is switched on in the shop's theme, and each block put in."""
    app = current_app.config["LAGNIAPPE"].shopify
    if app is None or shop.shopify_domain is None:
        return {"embed_url": None, "blocks": []}
    domain = shop.shopify_domain
    return {
        "embed_url": links.switch_embed_on(domain, app.client_id, _EMBED),
        "blocks": [
            (links.add_block(domain, app.client_id, block, template), says)
            for block, (template, says) in _BLOCKS.items()
        ],
    }
