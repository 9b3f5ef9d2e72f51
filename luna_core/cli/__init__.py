"""The `luna` command. Modules here are imported only when their command runs."""
