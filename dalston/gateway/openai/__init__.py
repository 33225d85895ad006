"""OpenAI's way of asking for a transcript, and of reading it: over the same jobs as any other."""
