"""Ways of asking for a transcript that belong to other vendors, over the same jobs as any other.

A dialect maps a vendor's request to the fields of a job and the job's transcript to the vendor's
answer. Nothing outside of this package knows a vendor.
"""
