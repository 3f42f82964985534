"""Foreign layouts of recordings, read into archives."""
