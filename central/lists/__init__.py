"""The signed lists: keys, documents, publishing, tokens issued into them. Read `publishing` first."""
