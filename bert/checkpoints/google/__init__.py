"""Google's own checkpoints, as TensorFlow writes them. TensorFlow is not needed."""
