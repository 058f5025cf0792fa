"""The soft decoder: reads a dense code that zxing-cpp and zbar find too spoiled, by weighing every module.

Pure numpy and cv2; no I/O, no clock, nothing of ours outside `scanner`. `symbols` holds what the standard fixes of a
code, `reedsolomon` its error correction with erasures. Not here: codes of versions 1 to 6 (see `unfold`), and texts
that are not ours.
"""
