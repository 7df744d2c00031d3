"""The SQL of `ocs.billing.sums`. Tables are named after the cycle: `{of}` stands for it.

| table | row |
|---|---|
| `term` | a postpaid subscription that is settled, with what SQL has to know of its plan |
| `price` | the place of the price in a zone, at a minute if the time of day is any matter |
| `step` | a price: its block and, where there are several, its tiers |
| `placed` | an EDR of octets with what decides its price |
| `use` | their sums, as `ocs.billing.usage.Use` |
| `movement` | a prepaid bucket through the cycle |
| `member`, `part` | what settling gave for the subscriptions whose rated records are made next |
"""

from __future__ import annotations

from typing import Final

from ocs.units import MINUTE

MACROS: Final = """
CREATE OR REPLACE MACRO up(n, d) AS CASE WHEN n > 0 THEN (n - 1) // d + 1 ELSE n // d END;
CREATE OR REPLACE MACRO down(n, d) AS CASE WHEN n % d <> 0 AND (n < 0) <> (d < 0) THEN n // d - 1 ELSE n // d END;
CREATE OR REPLACE MACRO charge(n, block, micros, steps) AS CASE
    WHEN steps IS NULL THEN up(n, block) * micros
    ELSE list_sum([up(greatest(0, least(n, tier.until) - tier.above), block) * tier.micros FOR tier IN steps])::BIGINT
END;
"""
"""Division rounded up, for a divisor above zero, and down; micros for cumulative use (`ocs.rating.price`)."""

USERS: Final = "SELECT DISTINCT subscription_id FROM edr WHERE cycle_id = ? AND unit_type = 'octets'"

ZONES: Final = """
SELECT plan, zone, min(event_time), max(event_time)
FROM edr JOIN term_{of} USING (subscription_id)
WHERE cycle_id = ? AND unit_type = 'octets' GROUP BY plan, zone
"""

PLACED: Final = (
    """
CREATE OR REPLACE TABLE placed_{of} AS
SELECT n, event_time AS moment, edr_id, zone, octets_total AS octets, price, drawn,
    coalesce(event_time < billed_from, true) AS free,
    CASE WHEN by_session THEN session_id ELSE '' END AS scope
FROM edr JOIN term_{of} USING (subscription_id) JOIN price_{of} USING (plan, zone)
WHERE cycle_id = ? AND unit_type = 'octets' AND minute = CASE WHEN by_clock THEN event_time // """
    + str(MINUTE)
    + """ ELSE 0 END
ORDER BY n
"""
)

USE: Final = """
CREATE OR REPLACE TABLE use_{of} AS
WITH placed AS (FROM placed_{of} JOIN term_{of} USING (n)),
drawing AS (
    SELECT *, drawn AND NOT free AS counted,
        CASE WHEN counted THEN octets ELSE 0 END AS draws,
        sum(draws) OVER (PARTITION BY bundle ORDER BY moment, edr_id ROWS UNBOUNDED PRECEDING) AS after,
        min(octets) OVER (PARTITION BY bundle) AS least
    FROM placed WHERE by_turn
),
turned AS (
    SELECT *, CASE
        WHEN least < 0 THEN edr_id
        WHEN NOT counted OR after <= included THEN '0'
        WHEN after - octets >= included THEN '2'
        ELSE '1'
    END AS key
    FROM drawing
),
used AS (
    SELECT n, zone, free, price, '' AS scope, '' AS key, moment, octets FROM placed WHERE NOT by_turn
    UNION ALL
    SELECT n, zone, free, price, scope, key, moment, octets FROM turned
)
SELECT n, min(moment) AS moment, key, scope, zone, sum(octets)::BIGINT AS octets
FROM used GROUP BY n, zone, free, price, scope, key ORDER BY n
"""

EVENTS: Final = """
SELECT subscription_id, unit_type, sum(units_used)::BIGINT, sum(coalesce(amount_micros, 0))::BIGINT
FROM edr WHERE cycle_id = ? AND unit_type <> 'octets' AND subscription_id IS NOT NULL
GROUP BY subscription_id, unit_type
"""

BESIDE: Final = """
SELECT account_id, sum(octets_overrun)::BIGINT AS overrun,
    coalesce(sum(octets_debited) FILTER (party = 'b2c' AND unit_price_micros IS NOT NULL), 0)::BIGINT AS paid
FROM edr WHERE cycle_id = ? GROUP BY account_id HAVING overrun <> 0 OR paid <> 0
"""

MOVEMENT: Final = """
CREATE OR REPLACE TABLE movement_{of} AS
WITH cause AS (
    SELECT edr_id AS cause, cycle_id AS of FROM edr WHERE party = 'b2c'
    UNION ALL SELECT edr_id, '{cycle}' FROM late_{of}
),
line AS (
    SELECT t.*, of IS NOT NULL AND of > '{cycle}' AS later, of IS NULL OR of = '{cycle}' AS current
    FROM transfer AS t LEFT JOIN (FROM cause WHERE of <> '{cycle}') AS cause
    ON t.cause = cause.cause AND t.kind IN ('posted', 'credit')
    WHERE "at" >= {start} AND "at" < {end}
    UNION ALL
    SELECT t.*, of IS NULL AS later, of IS NOT NULL AND of = '{cycle}' AS current
    FROM transfer AS t LEFT JOIN (FROM cause WHERE of <= '{cycle}') AS cause
    ON t.cause = cause.cause AND t.kind IN ('posted', 'credit')
    WHERE "at" >= {end}
    UNION ALL
    SELECT t.*, of IS NOT NULL AND of > '{cycle}' AS later, of IS NOT NULL AND of = '{cycle}' AS current
    FROM transfer AS t LEFT JOIN (FROM cause WHERE of >= '{cycle}') AS cause
    ON t.cause = cause.cause AND t.kind IN ('posted', 'credit')
    WHERE "at" < {start}
),
moved AS (
    SELECT *, CASE WHEN kind = 'credit' THEN amount ELSE -amount END AS signed,
        CASE WHEN kind = 'pending' THEN amount WHEN pending_id IS NOT NULL THEN -amount ELSE 0 END AS held
    FROM line WHERE NOT later
)
SELECT {credit},
    coalesce(sum(signed) FILTER (NOT current AND kind NOT IN ('pending', 'voided')), 0)::BIGINT AS opening,
    coalesce(sum(amount) FILTER (current AND kind = 'credit'), 0)::BIGINT AS added,
    coalesce(sum(amount) FILTER (current AND kind = 'posted'), 0)::BIGINT AS used,
    coalesce(sum(amount) FILTER (current AND kind = 'expired'), 0)::BIGINT AS expired,
    sum(held)::BIGINT AS reserved
FROM moved GROUP BY bucket_id
HAVING bool_or(kind = 'credit') AND (opening <> 0 OR added <> 0 OR used <> 0 OR expired <> 0)
ORDER BY account_id
"""
"""What is posted or refunded for an EDR belongs to the EDR's cycle, all else to that of its own time. For most lines
the two are the same, so only EDRs that say otherwise than the time does are looked up."""

RATED: Final = """
CREATE OR REPLACE VIEW rated AS
WITH placed AS (
    SELECT p.*, t.plan, t.subscription_id, m.* EXCLUDE (n)
    FROM placed_{of} AS p JOIN term_{of} AS t USING (n) JOIN member_{of} AS m USING (n)
    WHERE p.n BETWEEN {first} AND {last}
),
drawing AS (
    SELECT *, CASE WHEN drawn AND NOT free THEN octets ELSE 0 END AS draws,
        sum(draws) OVER (PARTITION BY n ORDER BY moment, edr_id ROWS UNBOUNDED PRECEDING)::BIGINT AS after
    FROM placed WHERE volume IS NOT NULL
),
exceeding AS (
    SELECT *, CASE
        WHEN free THEN 0
        WHEN NOT drawn THEN octets
        ELSE greatest(0, after - volume) - greatest(0, after - octets - volume)
    END AS over
    FROM drawing
),
metered AS (
    SELECT *, sum(over) OVER (
        PARTITION BY n, price, scope ORDER BY moment, edr_id ROWS UNBOUNDED PRECEDING
    )::BIGINT AS counter
    FROM exceeding
),
alone AS (
    SELECT m.*, CASE WHEN over = 0 THEN 0
        ELSE charge(counter, block, u.micros, steps) - charge(counter - over, block, u.micros, steps)
    END AS amount
    FROM metered AS m JOIN step_{of} AS u USING (plan, price)
),
sharing AS (
    SELECT p.*, q.of, q.over AS part_over, q.micros AS part_micros,
        CASE WHEN free OR q.of IS NULL OR q.of = 0 THEN 0 ELSE octets END AS counts,
        sum(counts) OVER (
            PARTITION BY p.n, p.price ORDER BY moment, edr_id ROWS UNBOUNDED PRECEDING
        )::HUGEINT AS after
    FROM placed AS p LEFT JOIN part_{of} AS q ON q.n = p.n AND q.price = p.price
    WHERE volume IS NULL
),
pooled AS (
    SELECT *,
        CASE WHEN counts = 0 THEN 0
        ELSE (down(part_over * after, of) - down(part_over * (after - counts), of))::BIGINT END AS over,
        CASE WHEN counts = 0 THEN 0
        ELSE (down(part_micros * after, of) - down(part_micros * (after - counts), of))::BIGINT END AS amount
    FROM sharing
),
record AS (FROM alone UNION ALL BY NAME FROM pooled)
SELECT turn, moment, edr_id, '{cycle}' AS cycle_id, account_id, subscription_id, plan_id, plan_version,
    octets - over AS octets_in_bundle, over AS octets_overage, amount AS amount_micros
FROM record
"""
"""See `ocs.billing.rated`: of a SIM alone the charge after an EDR less that before it, in a pool a part by use."""
