"""`xinguan hub`: make this machine the hub of a site (`enrol`), and be it (`serve`). Read `serve` last."""
