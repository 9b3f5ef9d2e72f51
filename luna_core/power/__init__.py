"""Power: many BMCs asked at once through their drivers, each answer as it comes, and nothing that hangs."""
