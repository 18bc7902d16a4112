"""`python -m convlens`."""

from convlens.cli import main

if __name__ == "__main__":
    main()
