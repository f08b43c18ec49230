"""What is unusual about a run: plain data in, findings out, each of which is a note or a warning."""
