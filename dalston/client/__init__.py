"""The client of the HTTP API that `dalston transcribe` is made of."""
