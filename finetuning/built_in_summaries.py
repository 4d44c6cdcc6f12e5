def summary_sets(log):
    raise NotImplementedError
