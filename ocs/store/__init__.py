"""What outlives the process: the journal, and the tables behind it.

- `rows`: commands as journal rows and back.
- `journal`: what a journal does, and the one in memory.
- `sqlite`: the journal in a SQLite file, with the tables that SQL, portals and billing read.
- `recovery`: an engine as it was, folded from its journal.
"""
