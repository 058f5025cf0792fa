"""How one benefit is weighed for one visitor: conditions, limits, choice, and what a grant takes."""
