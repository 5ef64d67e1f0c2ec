"""What is true without a computer: frozen values, visibility, text, limits and errors."""
