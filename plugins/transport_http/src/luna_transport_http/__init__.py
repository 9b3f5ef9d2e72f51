"""Image versions as plain files over HTTP."""
