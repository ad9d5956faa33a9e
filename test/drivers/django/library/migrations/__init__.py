"""migrations - tables, then data and columns, then an index outside of any
transaction: the three kinds there are."""
