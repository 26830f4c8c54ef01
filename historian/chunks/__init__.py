"""The chunk store: sealed, hashed column chunks, with every row's place in the journal."""
