"""The statements as SQL, written by `make statements` from dalston/db/definitions/."""
