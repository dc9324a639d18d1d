"""What the gap report says of shops on Shopify, beside what it says of all."""

from backend.loyalty.gap_report import OF_PLATFORM
from backend.loyalty.lost_codes import lost_codes
from backend.loyalty.shops import SHOPIFY
from backend.shopify import order_gaps
from backend.shopify.customer_gaps import customer_data

OF_PLATFORM[SHOPIFY] = (*order_gaps.SOURCES, lost_codes, customer_data)
