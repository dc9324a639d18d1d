"""Members who meet the same conditions."""
