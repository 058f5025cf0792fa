"""The office in a browser: pages rendered here, a little JavaScript of our own, and the same calls for API tokens.

Read `doors` first (who is asking, and what a page may load), then `app`. Pages ask `central.office` and decide nothing.
Nothing is fetched from another host, nothing is written into a page unescaped (`rendering`).
"""
