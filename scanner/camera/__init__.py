"""The terminal's side of a camera: starts the child, distrusts its pipe, restarts it. No cv2. Read `parent` first."""
