"""What the hot paths cost, as ratios: each side beside its limit or beside the plain way, in one interleaved run.

`make bench` runs all of them; see README.md.
"""
