"""What talks to MPI, and so is imported only where a distribution is set."""
