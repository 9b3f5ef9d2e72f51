"""What luna expects of a store, as tests."""

from luna_core.testing.store_documents import DocumentTests
from luna_core.testing.store_keys import KeyTests
from luna_core.testing.store_processes import ProcessTests
from luna_core.testing.store_transactions import TransactionTests


class StoreContract(DocumentTests, KeyTests, TransactionTests, ProcessTests):
    """Override the fixture `store_url` to give the URL of a new, empty store for each test."""
