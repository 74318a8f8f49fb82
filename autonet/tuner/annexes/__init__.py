"""What is made of Optuna's own classes, and so is imported only where that is installed."""
