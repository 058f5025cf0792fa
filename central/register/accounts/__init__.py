"""Who works in the office: named people, what each may do where, how they are known again, and what they did.

`duties` is pure and says who may do what; read it first. Jobs of the books alone: no page, no HTTP, no lists.
"""
