"""What outlives the process: the journal, and the tables behind it.

- `rows`: commands as journal rows and back.
- `journal`: what a journal does, and the one in memory.
- `schema`: the tables behind a journal, and the views for people who ask by SQL.
- `sqlite`, `postgres`: both in a file or a database, as their owner writes them; `stores`: either. `reading`: as
  everybody else reads them.
- `checkpoint`: the engine's state now and then, so that not every row has to be folded; `keeping`: when.
- `recovery`: an engine as it was, folded from its journal. `following`: a standby folds along.
"""
