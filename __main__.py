"""`python -m genius`: the command line, as `torchrun -m genius` needs it."""

from .cli import main

main()
