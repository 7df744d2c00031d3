"""The rating function (RF, TS 32.296): units and money from usage, as pure functions.

- `price`: blocks, tiers, and the charge of cumulative use; what an amount of money pays for.
- `rates`: which of a plan's prices holds in a zone at an instant, and when the next one does.
- `cycle`: billing cycles that tile time.
- `tariff`: what is priced at once, when a message is sent or a call goes on.
"""
