"""What was written elsewhere: recorded samples in several formats."""
