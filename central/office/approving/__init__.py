"""From application to credential (申请-审核): applications, their evidence, grants, and issuing what was approved."""
