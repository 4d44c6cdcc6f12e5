"""Flags that several lessons build on.

They say all that a lesson is about, since a size's own recipe may change. Equal flags are equal trainings, made once.

AdamW needs a learning rate at which it learns. A size's own rate is for a run of its full length. In a short run, whose
warm-up is short as well, BERT's AdamW stays at about 5.8 nats with tiny's rate. So its lessons try lower rates, too.
"""

ADAMW = "--optimizer bert-adamw"  # the paper's, without bias correction
MUON = "--optimizer muon"
ADAMW_RATES = (0.125, 0.25, 0.5, 1.0)  # multiples of the size's own learning rate
MUON_RATES = (0.5, 1.0, 2.0, 4.0)
AS_TINY = (
    "--max-length 64 --batch-size 32 --dropout 0 --sinusoidal-start --optimizer muon --masking-rate 0.3:0.15 "
    "--weight-decay 0.1"
)
