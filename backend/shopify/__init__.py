"""Shops on Shopify: their installation, their tokens, and what is asked of Shopify for them.

How Shopify writes and signs stands in `backend/platforms/shopify/`, which knows no database.
"""
