"""Never pays twice for the same."""
