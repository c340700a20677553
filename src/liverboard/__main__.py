"""`python -m liverboard` is the `liverboard` command."""

from liverboard.cli import main

main()
