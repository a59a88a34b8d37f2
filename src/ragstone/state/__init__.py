"""What a project remembers in `.ragstone/project.db`."""
