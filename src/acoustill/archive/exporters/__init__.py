"""Writers of foreign layouts: each is the opposite of an importer."""
