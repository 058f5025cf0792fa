"""What a lane opens, behind one small Protocol. Never in a decision's way; read `gates` first."""
