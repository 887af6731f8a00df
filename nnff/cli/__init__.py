"""The command line: one module per command, answers on stdout, everything else on stderr."""
