"""The tests of a prompt file: what may stand in them, and what each check looks at."""
