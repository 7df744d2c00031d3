"""The page that people read after a run (extra `report`).

- `style` colours and type; `balance`, `endings`, `splitmap` one picture each, drawn from plain data.
- `data` turns evidence into that data; `page` writes `report.html`, which refers to nothing outside itself.
"""
