"""Light to text: cameras, serial and HID scanners, decoding. Knows nothing of tokens."""
