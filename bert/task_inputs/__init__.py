"""What a task asks about, where that is more than a text: read from files with its label, to train, or without one,
to predict."""
