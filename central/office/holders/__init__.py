"""What holders do for themselves, at their phone: come in, get a credential, see what is theirs.

Nobody of the office is asked here, so each act is about the very person whom the city's identity service has named.
What staff does belongs to the rooms around. Read `handing` first.
"""
