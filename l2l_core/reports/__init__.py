"""Results as pictures, tables and one HTML file."""
