"""The rating function (RF, TS 32.296): units and money from usage, as pure functions.

- `price`: blocks and the charge of cumulative use.
- `cycle`: billing cycles that tile time.
- `tariff`: what is priced at once, when a message is sent or a call goes on.
"""
