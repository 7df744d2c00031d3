"""The operator's commands, a module for each kind.

- `serve`: a running OCS. `orders`: what is said to one through its control socket. `views`: what is read from one, or
  from its store. `options`: the options that they share, and how mistakes are told.
"""
