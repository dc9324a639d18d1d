"""The dashboard as it is usually written: one ORM query for each part, `jsonify`, nothing kept in the process.

The same answer as `GET /widget/v1/me`, signed as well, for a token of itsdangerous' serializer.
"""

import hashlib
import hmac
import os
import time
from typing import Any

from flask import Flask, Response, jsonify, request
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import func, select

from backend import clock
from backend.db import db
from backend.models import Account, Award, Entry, Lot, Member, Order, ProgramVersion, Shop
from backend.platforms.events import time_text
from backend.vault import Vault


def serializer(secret_key: str) -> URLSafeTimedSerializer:
    """Signs and reads tokens that hold (shop, member, token version)."""
    return URLSafeTimedSerializer(secret_key, salt="naive-session", signer_kwargs={"digest_method": hashlib.sha256})


def create_app() -> Flask:
    app = Flask("naive", static_folder=None)
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 10}
    db.init_app(app)
    vault = Vault([os.environ["ENCRYPTION_KEY"].encode()])
    tokens = serializer(os.environ["SECRET_KEY"])

    @app.get("/widget/v1/me")
    def me() -> Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        shop_id, member_id, token_version = tokens.loads(token, max_age=1800)
        shop = db.session.get_one(Shop, shop_id)
        member = db.session.get_one(Member, (shop_id, member_id))
        assert member.token_version == token_version
        answer = jsonify(_dashboard(shop, member))
        answer.headers["Cache-Control"] = "no-store"
        secret = vault.open(shop.identity_secret, shop_id=shop.id, purpose="identity")
        seconds = int(time.time())
        signed = hmac.new(secret.encode(), f"{seconds}.".encode() + answer.get_data(), hashlib.sha256).hexdigest()
        answer.headers["Lagniappe-Signature"] = f"t={seconds},v1={signed}"
        return answer

    return app


def _dashboard(shop: Any, member: Any) -> dict[str, Any]:
    session, now = db.session, clock.now()
    account = session.get_one(Account, (shop.id, member.id))
    mine = {"shop_id": shop.id, "member_id": member.id}
    lots = session.scalars(select(Lot).filter_by(**mine, open=True).order_by(Lot.expires_at)).all()
    awards = session.scalars(select(Award).filter_by(**mine, state="pending").order_by(Award.due_at)).all()
    orders = session.scalars(select(Order).filter_by(**mine).where(Order.expected_points > 0)).all()
    unread = session.scalar(
        select(func.count()).select_from(Entry).filter_by(**mine).where(Entry.id > member.seen_entry_id)
    )
    program = session.scalars(
        select(ProgramVersion).filter_by(shop_id=shop.id).order_by(ProgramVersion.version.desc()).limit(1)
    ).one()
    rules = program.settings["rules"]
    used = {rule["id"]: _is_used(shop.id, member.id, rule["id"]) for rule in rules}
    return {
        "member": {"id": str(member.id), "first_name": member.first_name, "tier": member.tier},
        "balance": {
            "available": account.available - sum(x.remaining for x in lots if x.expires_at and x.expires_at <= now),
            "pending": [
                {"points": x.pending, "due_at": time_text(x.due_at), "reason": f"Order {x.why['order']}"}
                for x in awards
            ],
            "expected": [
                {"points": x.expected_points, "order": x.known["states"][0]["order"]["number"]} for x in orders
            ],
            "on_hold": account.on_hold,
            "owed": account.owed,
            "expiring": [
                {"points": x.remaining, "expires_at": time_text(x.expires_at)}
                for x in lots
                if x.expires_at and x.expires_at > now
            ],
        },
        "unread": unread,
        "earn": [
            {
                "id": "order",
                "kind": "order",
                "title": "Complete an order",
                "points_text": f"1 point for every {program.settings['earn']['spend_step']} {shop.currency}",
                "button": {"label": "Purchase", "url": f"https://{shop.domain}"},
                "done": False,
                "limit": None,
            },
            *(
                {
                    "id": rule["id"],
                    "kind": rule["kind"],
                    "title": rule["title"]["en"],
                    "points_text": f"{rule['points']} points",
                    "button": None,
                    "done": used[rule["id"]] > 0,
                    "limit": {"times": 1, "used": used[rule["id"]]},
                }
                for rule in rules
            ),
        ],
        "rewards": [],
        "referral": {"enabled": False},
    }


def _is_used(shop_id: int, member_id: int, rule_id: str) -> int:
    query = select(func.count()).select_from(Entry).filter_by(shop_id=shop_id)
    return db.session.scalar(query.filter_by(source_key=f"rule:{rule_id}:member:{member_id}")) or 0
