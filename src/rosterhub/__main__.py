"""`python -m rosterhub`."""

from rosterhub.cli import main

main()
