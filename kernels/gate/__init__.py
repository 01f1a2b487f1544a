"""Two commits measured side by side, and whether the second one is slower, beyond noise."""
