"""What the gap report says of shops on Shopify, beside what it says of all."""

from backend.loyalty.coupons.lost_codes import lost_codes
from backend.loyalty.deliveries.gap_report import OF_PLATFORM
from backend.loyalty.shops.shops import SHOPIFY
from backend.shopify import order_gaps
from backend.shopify.customer_gaps import customer_data

OF_PLATFORM[SHOPIFY] = (*order_gaps.SOURCES, lost_codes, customer_data)
