"""Every movement of points, and nothing else.

`posting` writes (through the functions of `ledger.sql`, the only code that does), `balance` reads, `check`
proves the invariants of design section 4.
"""
