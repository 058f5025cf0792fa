"""Explaining a code: `show` takes it apart layer by layer, `words` says it in both languages."""
