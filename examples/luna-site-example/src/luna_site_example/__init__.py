"""What one site adds to luna."""
