"""``python -m nnff``: the same program as ``nnff``."""

from nnff.cli.main import main

main()
