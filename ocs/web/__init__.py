"""The web process of a served OCS: what is asked over HTTP is answered beside the process that answers Gy.

It listens on a socket that the Gy process has opened, and asks that process by its control socket. It holds nothing: if
it ends, it is started again, and no CCR waits for it.

- `pages`: what is answered, and how. `python -m ocs.web` is the process.
- `keeping`: the Gy process's side: starting it, starting it again, ending it.
"""
