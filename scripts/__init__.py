"""What the repository needs besides the product: pages made from the code."""
