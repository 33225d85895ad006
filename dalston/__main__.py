"""`python -m dalston` is the same program as the `dalston` command."""

from dalston.cli import main

if __name__ == "__main__":
    main()
