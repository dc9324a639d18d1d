"""Bugs that somebody could make in the ledger's verbs, each a few characters. The state machine must find every one."""

from dataclasses import dataclass

WALKS, STEPS = 40, 60
"""How far they are looked for. The same walks find nothing in the ledger as it is (`test_state_machine.py`)."""


@dataclass(frozen=True)
class SeededBug:
    """`right` stands once in `ledger.sql`; `wrong` takes its place."""

    name: str
    right: str
    wrong: str

    def seeded_in(self, ledger: str) -> str:
        """The ledger's text with this bug in it. Raises ValueError if `right` does not stand there exactly once."""
        if ledger.count(self.right) != 1:
            raise ValueError(f"{self.name}: its place stands {ledger.count(self.right)} times in the ledger")
        return ledger.replace(self.right, self.wrong)


BUGS = (
    SeededBug(
        "what is owed is not settled",
        "if v_settled > 0 then\n        select * from ledger_take_lots(p_shop, p_member,",
        "if false then\n        select * from ledger_take_lots(p_shop, p_member,",
    ),
    SeededBug(
        "more is settled than came in",
        "select least(p_points, -owed) into v_settled",
        "select -owed into v_settled",
    ),
    SeededBug(
        "lots are spent in the order of earning",
        "or expires_at > p_at)\n            order by expires_at, earned_at, id",
        "or expires_at > p_at)\n            order by earned_at, expires_at, id",
    ),
    SeededBug(
        "never-expiring lots are spent first",
        "or expires_at > p_at)\n            order by expires_at, earned_at, id",
        "or expires_at > p_at)\n            order by expires_at nulls first, earned_at, id",
    ),
    SeededBug(
        "of one date the later earned goes first",
        "or expires_at > p_at)\n            order by expires_at, earned_at, id",
        "or expires_at > p_at)\n            order by expires_at, earned_at desc, id",
    ),
    SeededBug(
        "points past their date are spent while they wait for their reminder",
        "p_at, p_order, p_may_owe) into v_lots",
        "p_at, p_order, true) into v_lots",
    ),
    SeededBug(
        "the sweep before a debit is forgotten",
        "    perform ledger_expire_member(p_shop, p_member, p_at);\n",
        "",
    ),
    SeededBug(
        "the sweep before a debit does not wait for the reminder",
        "            and reminder in ('none', 'sent', 'impossible')\n        order by expires_at, id",
        "        order by expires_at, id",
    ),
    SeededBug(
        "the sweep does not wait for the reminder",
        "            and t.reminder in ('none', 'sent', 'impossible')\n        order by t.shop_id",
        "        order by t.shop_id",
    ),
    SeededBug(
        "the sweep comes a moment late",
        "t.open and t.expires_at <= p_at\n            and t.reminder",
        "t.open and t.expires_at < p_at\n            and t.reminder",
    ),
    SeededBug(
        "the sweep takes the points from nobody's balance",
        "set available = a.available - s.points",
        "set available = a.available",
    ),
    SeededBug(
        "a hold is not put on hold",
        "on_hold = on_hold + case p_to when 'on_hold' then p_points else 0 end",
        "on_hold = on_hold",
    ),
    SeededBug("a claw back takes any lot first", "if p_order is not null then", "if false then"),
    SeededBug(
        "a claw back takes a lot of the order from any member",
        "and order_id = p_order and member_id = p_member",
        "and order_id = p_order",
    ),
    SeededBug("what comes back revives a lot that has ended", "if v_back.expires_at <= p_at then", "if false then"),
    SeededBug(
        "what comes back has no grace",
        "p_at + make_interval(days => p_grace), case when p_grace > 7",
        "v_back.expires_at, case when p_grace > 7",
    ),
    SeededBug(
        "a long grace is not reminded of",
        "case when p_grace > 7 then 'waiting' else 'none' end",
        "'none'",
    ),
    SeededBug(
        "a promise may be posted twice",
        "from numbered n where w.shop_id = n.shop_id and w.id = n.id",
        "from numbered n where w.shop_id = n.shop_id and w.id = n.id and false",
    ),
    SeededBug(
        "a batch counts each balance from where it began",
        "sum(w.pending) over (partition by w.shop_id, w.member_id order by w.due_at, w.id) as available_after",
        "w.pending as available_after",
    ),
    SeededBug(
        "a batch counts the balance in another order than it posts",
        "over (partition by w.shop_id, w.member_id order by w.due_at, w.id) as available_after",
        "over (partition by w.shop_id, w.member_id order by w.id) as available_after",
    ),
    SeededBug(
        "a batch posts those who owe without settling",
        "on a.shop_id = l.shop_id and a.member_id = l.member_id and a.owed = 0",
        "on a.shop_id = l.shop_id and a.member_id = l.member_id",
    ),
    SeededBug(
        "a promise that would have ended is posted dead",
        "            case when w.expires_at <= p_at\n                then p_at +",
        "            case when false\n                then p_at +",
    ),
    SeededBug(
        "posted points forget their order",
        "select n.shop_id, n.member_id, n.entry_id, n.order_id, n.points, n.points, true",
        "select n.shop_id, n.member_id, n.entry_id, null, n.points, n.points, true",
    ),
    SeededBug(
        "a source is not looked for",
        "return not exists (select 1 from entry where shop_id = p_shop and source_key = p_key);",
        "return true;",
    ),
    SeededBug(
        "a debt that was noted is noted again",
        "\n        or exists (select 1 from entry where shop_id = p_shop and source_key = p_key || ':owed') then",
        " then",
    ),
    SeededBug(
        "a new day moves what was posted",
        "and order_id = p_order and state = 'pending'\n        and (due_at",
        "and order_id = p_order\n        and (due_at",
    ),
    SeededBug(
        "an open hold may be returned",
        "if p_kind = 'return' and v_answered.kind = 'hold' and not exists (",
        "if false and not exists (",
    ),
)
