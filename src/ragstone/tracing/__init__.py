"""What happened during a request, kept in `traces.db`."""
