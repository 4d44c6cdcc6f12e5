"""What changes from task to task: each head turns the model's output into scores, and scores into a loss."""
