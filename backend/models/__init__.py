"""The tables, one file per noun. No rules here: the schema's own promises stand in `migrations/sql/`."""

from backend.models.account import Account
from backend.models.api_key import ApiKey
from backend.models.award import Award
from backend.models.birthday_round import BirthdayRound
from backend.models.bonus import Bonus
from backend.models.campaign import Campaign, CampaignGift
from backend.models.coupon import Coupon, FreeCoupon
from backend.models.delivery import Delivery
from backend.models.entry import Entry, EntryLot
from backend.models.lot import Lot
from backend.models.manual_change import ApprovalLimit, ManualChange
from backend.models.member import Member, Tombstone, VerifiedAddress
from backend.models.member_event import MemberEvent
from backend.models.order import Order, Refund
from backend.models.outbox import OutboxMessage
from backend.models.program_draft import ProgramDraft, WidgetSighting
from backend.models.program_version import ProgramVersion
from backend.models.redemption import Redemption
from backend.models.referral import Referral, ReferralPayout
from backend.models.remembered_answer import RememberedAnswer
from backend.models.reward import Image, Reward
from backend.models.segment import Segment
from backend.models.shop import Installation, Shop
from backend.models.shopify import MetafieldRun, OrderLook, ShopifyDiscount, ShopifyPayout, ShopifyShop, ShopifyUser
from backend.models.staff import Staff, StaffSession, TeamChange

__all__ = [
    "Account",
    "ApiKey",
    "ApprovalLimit",
    "Award",
    "BirthdayRound",
    "Bonus",
    "Campaign",
    "CampaignGift",
    "Coupon",
    "Delivery",
    "Entry",
    "EntryLot",
    "FreeCoupon",
    "Image",
    "Installation",
    "Lot",
    "ManualChange",
    "Member",
    "MemberEvent",
    "MetafieldRun",
    "Order",
    "OrderLook",
    "OutboxMessage",
    "ProgramDraft",
    "ProgramVersion",
    "Redemption",
    "Referral",
    "ReferralPayout",
    "Refund",
    "RememberedAnswer",
    "Reward",
    "Segment",
    "Shop",
    "ShopifyDiscount",
    "ShopifyPayout",
    "ShopifyShop",
    "ShopifyUser",
    "Staff",
    "StaffSession",
    "TeamChange",
    "Tombstone",
    "VerifiedAddress",
    "WidgetSighting",
]
