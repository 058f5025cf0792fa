"""The processes and links of the demo: started on a leash, cut off, listened to."""
