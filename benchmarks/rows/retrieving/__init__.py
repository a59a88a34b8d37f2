"""What the rows about quality run: the same questions for all, judged by the same few lines."""
