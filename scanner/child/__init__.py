"""The child process of one camera: frames in, texts out. May die at any time; read `worker` first."""
