"""The pretend store: a small shop in a process of its own that knows Lagniappe only from outside.

It signs Standard Webhooks, makes identity tokens, embeds the widget's script and reads its mail over SMTP, exactly as
an integrator's shop would. Nothing here imports the product; what it relies on is the contract alone.
"""
