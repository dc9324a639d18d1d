"""The sidebar: what there is, in the words of the documents (S0.9, S1.23, S3.2, S3.9), for who may see it."""

from dataclasses import dataclass

from backend.admin.door import DECLARED, Visit


@dataclass(frozen=True)
class Entry:
    """A page in the sidebar, by its name."""

    label: str
    page: str


@dataclass(frozen=True)
class Section:
    """Pages that belong together. Its icon is a symbol of templates/admin/_icons.svg."""

    label: str
    icon: str
    entries: tuple[Entry, ...]


SECTIONS = (
    Section("Home", "home", (Entry("Home", "home"),)),
    Section(
        "Customer management",
        "people",
        (
            Entry("Customers", "customers"),
            Entry("Member points", "member_points"),
            Entry("Approvals", "approvals"),
            Entry("Referrals to review", "referral_reviews"),
            Entry("Missing points?", "missing_points"),
        ),
    ),
    Section(
        "Reward campaigns",
        "gift",
        (
            Entry("All reward campaigns", "reward_campaigns"),
            Entry("Add reward campaign", "new_reward_campaign"),
            Entry("Redeemed rewards", "redeemed_rewards"),
        ),
    ),
    Section("Sales & promotions", "calendar", (Entry("Points campaigns", "points_campaigns"),)),
    Section(
        "Program",
        "sliders",
        (
            Entry("Set-up guide", "guide"),
            Entry("Settings", "program"),
            Entry("Versions", "program_versions"),
            Entry("Dry run", "dry_run"),
            Entry("See as a customer", "preview"),
        ),
    ),
    Section(
        "Reports",
        "chart",
        (
            Entry("Points", "points_report"),
            Entry("Liability", "liability_report"),
            Entry("Members and rewards", "program_report"),
        ),
    ),
    Section(
        "Connections",
        "plug",
        (Entry("Deliveries", "deliveries"), Entry("Webhooks", "endpoints"), Entry("API keys", "api_keys")),
    ),
    Section("Import and export", "box", (Entry("Import", "imports"), Entry("Export", "exports"))),
    Section("Team", "key", (Entry("People", "people"), Entry("Your account", "account"))),
)


def sections(visit: Visit) -> list[Section]:
    """What this person may open. A section without a page is left out."""
    shown = []
    for section in SECTIONS:
        entries = tuple(
            entry for entry in section.entries if (known := DECLARED.get(entry.page)) and visit.may(known.right)
        )
        if entries:
            shown.append(Section(section.label, section.icon, entries))
    return shown
