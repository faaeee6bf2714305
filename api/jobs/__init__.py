"""Jobs: analyses that run in processes of their own and survive what happens to them."""
