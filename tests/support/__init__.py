"""What the tests share: parts, processes and ways to wait."""
