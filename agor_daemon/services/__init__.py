"""What clients may call: one line a service, with its methods and the events it sends by hand."""
