"""What stands in the street of the demo: a camera, phones, a turnstile, visitors and their town."""
