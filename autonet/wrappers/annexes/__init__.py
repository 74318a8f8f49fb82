"""What is made of scikit-learn's own classes, and so is imported only where that is installed."""
