"""Rules that look at every message: of every case that runs, and of captures that somebody brings.

`watch(entries)` goes through a trace once and gives, for each requirement that a rule stands for, how often it was put
to the proof and what was seen against it. Both sides are watched; who is at fault is the sender of the message.
"""

from conformance.watch.watcher import Complaint, Watched, watch

__all__ = ["Complaint", "Watched", "watch"]
