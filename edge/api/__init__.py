"""The local HTTP API: who may call, what is asked, what is answered. Decides nothing; read `app` first."""
