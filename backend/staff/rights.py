"""What a person may do in the admin. Every page needs one of these (`backend/admin/door.py`)."""

from enum import StrEnum


class Right(StrEnum):
    """One right. Its value is what the database keeps."""

    VIEW_CUSTOMERS = "customers:view"
    """See members with their points, and change nothing (S3.26)."""
    MANAGE_CUSTOMERS = "customers:manage"
    """Block, merge, erase."""
    ASSIGN_POINTS = "points:assign"
    """Add and take points, redeem and give back on behalf (S3.26)."""
    REWARDS = "rewards"
    """Reward and points campaigns, and their codes."""
    REDEMPTIONS = "redemptions"
    """The grid of redeemed rewards: see it, mark used, deliver."""
    SETTINGS = "settings"
    """The program's settings, deliveries, webhooks."""
    REPORTS = "reports"
    """Dashboard's figures and the accountant's reports."""
    EXPORT = "export"
    """Take data out of the shop, or bring it in, in bulk."""
    STAFF = "staff"
    """Invite people, change their rights, let them go; make API keys. Whoever has it can have every right."""


SAID: dict[Right, str] = {
    Right.VIEW_CUSTOMERS: "see customers and their points",
    Right.MANAGE_CUSTOMERS: "block, merge and erase customers",
    Right.ASSIGN_POINTS: "add and take points, redeem for customers",
    Right.REWARDS: "reward and points campaigns",
    Right.REDEMPTIONS: "redeemed rewards and their delivery",
    Right.SETTINGS: "the program, deliveries and webhooks",
    Right.REPORTS: "reports and figures",
    Right.EXPORT: "import and export",
    Right.STAFF: "the team and API keys",
}
"""What each allows, to follow "may look after" or stand in a list."""

ROLES: dict[str, frozenset[Right]] = {
    "Owner": frozenset(Right),
    "Manager": frozenset(Right) - {Right.STAFF, Right.EXPORT},
    "Marketing": frozenset({Right.REWARDS, Right.SETTINGS, Right.REPORTS}),
    "Customer care": frozenset({Right.VIEW_CUSTOMERS, Right.ASSIGN_POINTS, Right.REDEMPTIONS}),
    "Customer management": frozenset({Right.VIEW_CUSTOMERS, Right.MANAGE_CUSTOMERS}),
    "Accountant": frozenset({Right.REPORTS, Right.EXPORT}),
}
"""Sets of rights that are usual together. A person's rights may be any set: a role is what one calls it."""


def role_of(rights: frozenset[Right]) -> str:
    """What people call this set of rights: the role's name, or `Custom`."""
    return next((name for name, held in ROLES.items() if held == rights), "Custom")
