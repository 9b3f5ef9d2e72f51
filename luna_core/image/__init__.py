"""Images: a tree becomes an immutable version, cut into shards; luna_core.node makes a tree of it again."""
