"""`python -m canalis` is `canalis`."""

from canalis.cli import main

main()
