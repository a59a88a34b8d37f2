"""What comes out is checked."""
