"""How well recordings are transcribed, measured against what is known to be said in them.

`dalston eval` is made of this. It is a client of the HTTP API and sees nothing else of a server.
"""
