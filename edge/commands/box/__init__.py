"""A box as a thing that is set up, swapped, rescued and thrown away: provision, restore, wipe, support bundle.

What needs the platform while no terminal runs is `alone`. Every command here works as root beside a service with its
own user (`edge.commands.owner`), and says in both languages what it did.
"""
