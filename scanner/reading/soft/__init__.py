"""The soft decoder: reads a dense code that zxing-cpp and zbar find too spoiled, by weighing every module.

Pure numpy and cv2; no I/O, no clock, nothing of ours outside `scanner`. Read `reader` first: it is the whole way; then
`finding`, `refine`, `soften`, `clipped`, `mend` in this order; `burst` is what one frame leaves to the next; `symbols`,
`reedsolomon` and `texts` are what the standard fixes. Not here: codes of versions 1 to 6 (see `unfold`), and texts that
are not ours.
"""
