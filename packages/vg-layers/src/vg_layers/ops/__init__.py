"""Operations with a PyTorch reference and, where it pays, a Triton kernel."""
