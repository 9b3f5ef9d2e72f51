"""Names machines by the switch port that they are plugged into."""
